/** What the guest's runner tells the host, one JSON object a line behind {@link MARK}. Other output is the test's own. */
export type GuestEvent =
  | { readonly event: "begin"; readonly name: string }
  | { readonly event: "progress"; readonly text: string }
  | { readonly event: "pass"; readonly name: string }
  | { readonly event: "fail"; readonly name: string; readonly error: GuestFailure };

/** A thrown error, on its way to the host. */
export interface GuestFailure {
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
}

/** ASCII record separator: begins no line of ordinary output. */
export const MARK = "\u001e";

/** Tells the host, from the guest. */
export function tell(event: GuestEvent): void {
  process.stdout.write(`\n${MARK}${JSON.stringify(event)}\n`);
}
