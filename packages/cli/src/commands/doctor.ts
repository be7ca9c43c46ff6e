import { PciError } from "@userpci/interface";
import { type CheckStatus, type Diagnosis, diagnose, type Finding } from "@userpci/sysfs/doctor";
import { type CommandCall, ofCommandLine, optionText, type Report, treeOf } from "../command.ts";
import { pad, type Style } from "../style.ts";

/** `userpci doctor`. */
export async function run(call: CommandCall): Promise<Report> {
  const tree = treeOf(call);
  const address = call.arguments[0];
  const need = optionText(call, "need");
  const bytes = need === undefined ? undefined : await ofCommandLine(() => bytesOf(need));
  const diagnosis = await diagnose({
    ...tree,
    ...(address !== undefined && { address }),
    ...(bytes !== undefined && { need: bytes }),
  });
  return {
    json: diagnosis,
    lines: diagnosis.findings,
    text: (style) => report(diagnosis, style),
    failed: !diagnosis.healthy,
  };
}

const units: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** @throws PciError `ERR_INVALID_ARGUMENT` */
function bytesOf(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,15})([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * units[unit.toUpperCase()]!;
  if (digits !== undefined && bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no size of memory`, {
    hint: "give bytes, or a number with K, M or G, such as 64M",
  });
}

const colours: Readonly<Record<CheckStatus, keyof Style>> = {
  ok: "green",
  note: "dim",
  warning: "yellow",
  problem: "red",
  unknown: "cyan",
};

const WIDTH = { status: "problem".length, title: 21 } as const;
const INDENT = " ".repeat(WIDTH.status + 2);

function report(diagnosis: Diagnosis, style: Style): string[] {
  const { address, findings } = diagnosis;
  return [
    ...findings.flatMap((finding) => findingLines(finding, causeOf(finding, findings), address, style)),
    "",
    ...conclusion(diagnosis, style),
  ];
}

/** What explains a finding, in words; "" if it stands by itself. */
function causeOf({ because }: Finding, findings: readonly Finding[]): string {
  const cause = findings.find(({ check }) => check === because);
  return cause === undefined ? "" : ` (because of ${cause.title})`;
}

/** The check in one line; below it what mends it, where nothing else has to be mended before. */
function findingLines(finding: Finding, cause: string, asked: string | null, style: Style): string[] {
  const { status, title, says, because, fix } = finding;
  const subject = finding.address === null || finding.address === asked ? "" : `${finding.address}: `;
  const sources = finding.evidence.map(({ path, says: text }) => `${path}: ${text}`).join("; ");
  const seen = sources === "" ? "" : `  ${style.dim(`[${sources}]`)}`;
  const head = `${style[colours[status]](pad(status, WIDTH.status))}  ${pad(title, WIDTH.title)}  `;
  const steps = because !== null || status === "ok" ? [] : fix;
  return [`${head}${subject}${says}${style.dim(cause)}${seen}`, ...fixLines(steps, style)];
}

function fixLines(steps: readonly string[], style: Style): string[] {
  return steps.map((step, index) => `${INDENT}${style.cyan(index === 0 ? "fix" : "   ")}  ${step}`);
}

function conclusion({ first, findings }: Diagnosis, style: Style): string[] {
  if (first === null) {
    const open = findings.filter(({ status }) => status === "warning" || status === "unknown").length;
    const rest =
      open === 0 ? "" : `; ${open} of ${findings.length} checks have a warning, or could not be made`;
    return [style.green(`nothing is in the way${rest}`)];
  }
  const others = findings.filter((finding) => finding.status === "problem" && finding !== first);
  const roots = others.filter(({ because }) => because === null).length;
  const rest = [count(roots, "more"), count(others.length - roots, "that may go with it")].filter(Boolean);
  const subject = first.address === null ? "" : `${first.address}: `;
  return [
    `${style.bold("first")}    ${style.red(`${subject}${first.says}`)}`,
    ...fixLines(first.fix, style),
    ...(rest.length === 0 ? [] : [`${INDENT}then look again: ${rest.join(", ")}`]),
  ];
}

const count = (number: number, what: string): string => (number === 0 ? "" : `${number} ${what}`);
