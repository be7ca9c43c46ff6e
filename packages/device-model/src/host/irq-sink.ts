import type { IrqSink } from "./hosted-function.ts";

/** Signals what is connected and still open. */
export function fire(sink: IrqSink | null | undefined): void {
  if (sink && sink.closed !== true) sink.signal(1);
}
