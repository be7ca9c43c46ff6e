import { isPciError } from "@userpci/interface";
import { type Form, writeFailure } from "./json.ts";
import type { Style } from "./style.ts";
import type { Terminal } from "./terminal.ts";

/** An error as data. */
export interface Failure {
  /** `ERR_` and a name, or a system error's; `ERR_INTERNAL` for a fault of this program. */
  readonly code: string;
  readonly message: string;
  /** What mends it. */
  readonly hint?: string;
  readonly path?: string;
  readonly syscall?: string;
  /** What a tool or a guest printed before. */
  readonly log?: string;
  readonly details?: unknown;
  /** Messages of the errors beneath, the nearest first. */
  readonly causes: readonly string[];
  /** Only for a fault of this program. */
  readonly stack?: string;
}

/** Makes data of whatever was thrown. */
export function toFailure(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code, summary, hint, path, syscall, log } = textsOf(error);
  return {
    code: code ?? "ERR_INTERNAL",
    message: summary ?? error.message,
    ...(hint !== undefined && { hint }),
    ...(path !== undefined && { path }),
    ...(syscall !== undefined && { syscall }),
    ...(log !== undefined && { log }),
    ...(isPciError(error) && error.details !== undefined ? { details: error.details } : {}),
    causes: causesOf(error),
    ...(code === undefined && error.stack !== undefined ? { stack: error.stack } : {}),
  };
}

type TextField = "code" | "summary" | "hint" | "path" | "syscall" | "log";

/** The fields that errors of ours, of the test bed and of Node have beside the message, where they are text. */
function textsOf(error: Error): Partial<Record<TextField, string>> {
  const fields = error as Error & Partial<Record<TextField, unknown>>;
  const names: readonly TextField[] = ["code", "summary", "hint", "path", "syscall", "log"];
  return Object.fromEntries(
    names.flatMap((name) => (typeof fields[name] === "string" ? [[name, fields[name]]] : [])),
  );
}

/** Prints whatever was thrown: as JSON among the results, or else for people. */
export function reportFailure(thrown: unknown, terminal: Terminal, form: Form): void {
  const failure = toFailure(thrown);
  if (form !== "text") writeFailure(failure, terminal, form);
  else terminal.note(`${[...formatFailure(failure, terminal.noteStyle), ...more(failure)].join("\n")}\n`);
}

/** Codes whose message says all there is to say. */
const plain = ["ERR_USAGE", "ERR_INVALID_ARGUMENT", "ERR_OUT_OF_RANGE", "ERR_INTERNAL"];

/** Where causes and evidence of an error are told; for system errors only the place that throws them knows. */
function more({ code }: Failure): string[] {
  return code.startsWith("ERR_") && !plain.includes(code) ? [`  more   userpci explain ${code}`] : [];
}

/**
 * A failure as lines: message, hint, cause.
 *
 * @param weight a warning is what does not keep a command from its result
 */
export function formatFailure(
  failure: Failure,
  style: Style,
  weight: "error" | "warning" = "error",
): string[] {
  const { code, message, hint, causes, log, stack } = failure;
  const [first = "", ...rest] = message.split("\n");
  return [
    `${weight === "error" ? style.red(weight) : style.yellow(weight)}  ${first} ${style.dim(`(${code})`)}`,
    ...rest.map((line) => `       ${line}`),
    ...labelled(style.cyan("hint "), hint?.split("\n") ?? []),
    ...labelled(style.dim("cause"), causes),
    ...labelled(style.dim("log  "), log?.trimEnd().split("\n") ?? []),
    ...labelled(
      style.dim("stack"),
      stack
        ?.split("\n")
        .slice(1)
        .map((line) => line.trim()) ?? [],
    ),
  ];
}

function labelled(label: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => (index === 0 ? `  ${label}  ${line}` : `         ${line}`));
}

function causesOf(error: Error): string[] {
  const causes: string[] = [];
  // A chain that comes back to itself would not end.
  for (let cause = error.cause; cause !== undefined && cause !== null && causes.length < 8; ) {
    causes.push(cause instanceof Error ? cause.message : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}
