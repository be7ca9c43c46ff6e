import { checkFaults } from "./check.ts";
import {
  type FaultName,
  type FaultRate,
  type Faults,
  faultKinds,
  type HappenedFault,
  kindOf,
  type Occasion,
  occasions,
  type ScriptedFault,
} from "./kinds.ts";
import { happens, randomAt, streamOf } from "./random.ts";

/** A fault that is to happen now. */
export interface DueFault {
  readonly fault: FaultName;
  /** The number of its occasion. */
  readonly at: number;
  /** Microseconds; 0 for what takes no time. */
  readonly us: number;
}

/** A kind that happens by chance. */
interface Chance {
  readonly fault: FaultName;
  readonly stream: number;
  readonly chance: number;
  readonly us: number;
}

const none: readonly DueFault[] = [];

/** What became of a plan of faults: what happened, and what is still to come. */
export class FaultPlan {
  readonly #functions = new Map<string, FunctionFaults>();
  readonly #happened: HappenedFault[] = [];
  readonly #script: readonly ScriptedFault[];
  readonly #seen = new Map<ScriptedFault, number>();

  /**
   * @param addresses of the functions that there are
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for a plan in which something could never happen
   */
  constructor(faults: Faults, addresses: readonly string[]) {
    checkFaults(faults, addresses);
    this.#script = (faults.script ?? []).map((each) => ({ ...each }));
    for (const address of addresses) {
      const own = this.#script.filter((each) => (each.address ?? address) === address);
      this.#functions.set(address, new FunctionFaults(address, faults, own, this));
    }
  }

  /** The faults that happened, in order: plain data, equal for equal runs. */
  get happened(): readonly HappenedFault[] {
    return this.#happened;
  }

  /** What of the script has not happened, or not as many times: a test in which a fault did not happen tests nothing. */
  get outstanding(): readonly ScriptedFault[] {
    return this.#script.filter((each) => (this.#seen.get(each) ?? 0) < (each.times ?? 1));
  }

  /** The part of a function. @internal */
  of(address: string): FunctionFaults {
    return this.#functions.get(address)!;
  }

  /** @internal */
  note(happened: HappenedFault, scripted: ScriptedFault | undefined): void {
    this.#happened.push(happened);
    if (scripted !== undefined) this.#seen.set(scripted, (this.#seen.get(scripted) ?? 0) + 1);
  }
}

/** The faults of one function: counts the occasions, and tells what is due. */
export class FunctionFaults {
  readonly #address: string;
  readonly #plan: FaultPlan;
  readonly #counts: Record<Occasion, number>;
  readonly #script: Readonly<Record<Occasion, readonly ScriptedFault[]>>;
  readonly #chances: Readonly<Record<Occasion, readonly Chance[]>>;
  readonly #choice: number;

  constructor(
    address: string,
    { seed = 1, rates = {} }: Faults,
    script: readonly ScriptedFault[],
    plan: FaultPlan,
  ) {
    this.#address = address;
    this.#plan = plan;
    this.#choice = streamOf(seed, `${address} choice`);
    this.#counts = byOccasion(() => 0);
    this.#script = byOccasion((occasion) =>
      script.filter(({ fault }) => kindOf(fault).occasion === occasion),
    );
    const chances = (Object.entries(rates) as [FaultName, FaultRate][])
      .map(([fault, given]) => chanceOf(fault, given, streamOf(seed, `${address} ${fault}`)))
      .filter(({ chance }) => chance > 0);
    this.#chances = byOccasion((occasion) =>
      chances.filter(({ fault }) => kindOf(fault).occasion === occasion),
    );
  }

  /** Counts an occasion. @returns the faults that are due at it; see {@link happened} */
  next(occasion: Occasion): readonly DueFault[] {
    const at = ++this.#counts[occasion];
    const script = this.#script[occasion];
    const chances = this.#chances[occasion];
    if (script.length === 0 && chances.length === 0) return none;
    const due: DueFault[] = [];
    for (const scripted of script) {
      if (isAt(scripted, at))
        due.push({ fault: scripted.fault, at, us: timeOf(scripted.fault, scripted.us) });
    }
    for (const { fault, stream, chance, us } of chances) {
      if (due.some((each) => each.fault === fault)) continue;
      if (happens(stream, at, chance)) due.push({ fault, at, us });
    }
    return due;
  }

  /** Notes that a fault that was due did happen. */
  happened({ fault, at, us }: DueFault, vector?: string): void {
    const { occasion } = kindOf(fault);
    const scripted = this.#script[occasion].find((each) => each.fault === fault && isAt(each, at));
    const happened: HappenedFault = {
      address: this.#address,
      fault,
      at: { [occasion]: at },
      accesses: this.#counts.access,
      ...(us > 0 && { us }),
      ...(vector !== undefined && { vector }),
    };
    this.#plan.note(happened, scripted);
  }

  /** One of several, as the seed would have it. */
  choose<T>(choices: readonly T[], at: number): T | undefined {
    return choices[randomAt(this.#choice, at) % choices.length];
  }
}

const names = Object.keys(occasions) as Occasion[];

function byOccasion<T>(make: (occasion: Occasion) => T): Record<Occasion, T> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Occasion, T>;
}

const timeOf = (fault: FaultName, us: number | undefined): number => us ?? kindOf(fault).us ?? 0;

function chanceOf(fault: FaultName, given: FaultRate, stream: number): Chance {
  const { rate, us } = typeof given === "number" ? { rate: given, us: undefined } : given;
  return { fault, stream, chance: rate, us: timeOf(fault, us) };
}

function isAt({ at, fault, times = 1 }: ScriptedFault, occasion: number): boolean {
  const first = (at as Readonly<Partial<Record<Occasion, number>>>)[faultKinds[fault].occasion]!;
  return occasion >= first && occasion < first + times;
}
