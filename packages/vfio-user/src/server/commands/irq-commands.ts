import type { IrqKind } from "@userpci/interface";
import { decodeRequest, structures } from "../../protocol/index.ts";
import { type Descriptors, refusal } from "../descriptors.ts";
import type { IrqLines } from "../irq-lines.ts";
import type { CommandHandler } from "./context.ts";
import { irqKindOf } from "./device-commands.ts";

const { irqSet, irqSetFlag } = structures;

/** A SET_IRQS that makes sense. */
interface IrqRequest {
  readonly kind: IrqKind;
  readonly start: number;
  readonly count: number;
  /** One byte a vector, for `DATA_BOOL`. */
  readonly chosen: Uint8Array | undefined;
}

type Action = (irqs: IrqLines, request: IrqRequest) => void;
type EventfdAction = (irqs: IrqLines, request: IrqRequest, fds: readonly number[]) => void;

/** What NONE and BOOL do, by action. */
const actions = new Map<number, Action>([
  [irqSetFlag.ACTION_MASK, (irqs, { kind, start, count, chosen }) => irqs.mask(kind, start, count, chosen)],
  [
    irqSetFlag.ACTION_UNMASK,
    (irqs, { kind, start, count, chosen }) => irqs.unmask(kind, start, count, chosen),
  ],
  [
    irqSetFlag.ACTION_TRIGGER,
    (irqs, { kind, start, count, chosen }) => irqs.trigger(kind, start, count, chosen),
  ],
]);

/** What EVENTFD does, by action. The kernel has no eventfd that masks either. */
const eventfdActions = new Map<number, EventfdAction>([
  [irqSetFlag.ACTION_UNMASK, (irqs, { kind, start, count }, fds) => irqs.unmaskBy(kind, start, count, fds)],
  [irqSetFlag.ACTION_TRIGGER, (irqs, { kind, start, count }, fds) => irqs.connect(kind, start, count, fds)],
]);

const { DATA_NONE, DATA_BOOL, DATA_EVENTFD, ACTION_MASK, ACTION_UNMASK, ACTION_TRIGGER } = irqSetFlag;
const DATA = DATA_NONE | DATA_BOOL | DATA_EVENTFD;
const ACTION = ACTION_MASK | ACTION_UNMASK | ACTION_TRIGGER;

/** DEVICE_SET_IRQS. */
export const setIrqs: CommandHandler = ({ fn, irqs }, body, fds) => {
  const { values, tail } = decodeRequest("setIrqs", body);
  const { argsz, flags, index, start, count } = values;
  const data = flags & DATA;
  const action = flags & ACTION;
  const known = (flags & ~(DATA | ACTION)) === 0 && isOneBit(data) && isOneBit(action);
  if (!known || argsz < irqSet.size + tail.length) {
    throw refusal("EINVAL", `SET_IRQS with argsz ${argsz} and flags 0x${flags.toString(16)}`);
  }
  const kind = irqKindOf(fn.info.irqs, index);
  if (data === DATA_NONE && action === ACTION_TRIGGER && count === 0) {
    irqs.disable(kind);
    return undefined;
  }
  const vectors = fn.irqInfo(kind).count;
  if (count === 0 || start >= vectors || count > vectors - start) {
    throw refusal("EINVAL", `${count} vectors of ${kind} from ${start}, and there are ${vectors}`);
  }
  const request = { kind, start, count, chosen: data === DATA_BOOL ? tail : undefined };
  if (data === DATA_EVENTFD) connect(irqs, request, action, fds);
  else actions.get(action)!(irqs, request);
  return undefined;
};

function connect(irqs: IrqLines, request: IrqRequest, action: number, fds: Descriptors): void {
  const act = eventfdActions.get(action);
  if (act === undefined) throw refusal("ENOTTY", "no eventfd can mask an interrupt");
  if (fds.length !== 0 && fds.length !== request.count) {
    throw refusal("EINVAL", `${fds.length} descriptors for ${request.count} vectors`);
  }
  act(irqs, request, fds.takeAll());
}

const isOneBit = (bits: number): boolean => bits !== 0 && (bits & (bits - 1)) === 0;
