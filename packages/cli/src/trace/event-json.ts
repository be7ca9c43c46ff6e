import { regionIndex } from "@userpci/interface";
import type { TraceEvent } from "userpci/trace";
import { hex } from "../json.ts";

const regions: readonly string[] = Object.keys(regionIndex);

/** An event for programs. Numbers that may have 64 bits are hexadecimal text. */
export function eventJson(event: TraceEvent, text: string): object {
  const { kind, time, device } = event;
  return { time, device, kind, ...detailsOf(event), text };
}

function detailsOf(event: TraceEvent): object {
  switch (event.kind) {
    case "read":
    case "write": {
      const { region, offset, width, mapped, value } = event;
      return {
        region: regions[region] ?? `region ${region}`,
        offset,
        bits: 8 * width,
        mapped,
        value: hex(value),
      };
    }
    case "open": {
      const { address, backend, opened } = event;
      return { address, backend, id: opened.id ?? null };
    }
    case "map":
    case "unmap": {
      const { iova, size } = event;
      return { iova: hex(iova), size, ...(event.kind === "map" && { direction: event.direction }) };
    }
    case "memory":
    case "answer":
      return { iova: hex(event.iova), bytes: Buffer.from(event.bytes).toString("hex") };
    case "interrupt":
      return { target: event.target, count: event.count };
    case "call": {
      const { method, args, result, error, pending } = event;
      return {
        method,
        args,
        ...(result !== undefined && { result }),
        ...(pending !== undefined && { pending }),
        ...(error !== undefined && { error }),
      };
    }
    case "result":
      return { pending: event.pending, ...(event.error !== undefined && { error: event.error }) };
  }
}
