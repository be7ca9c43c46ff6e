/**
 * Watch programs that have devices open, and tell of one's own: what `userpci top` reads.
 *
 * @packageDocumentation
 */
export { parseTelemetry } from "./parse.ts";
export { type TelemetryPlace, telemetryPlace } from "./place.ts";
export {
  type ProgramReading,
  type ReadTelemetryOptions,
  readTelemetry,
  type SilentProgram,
  type TelemetryReport,
  usualDirectories,
} from "./read.ts";
export {
  type AccessCounts,
  type DeviceTelemetry,
  type DmaTelemetry,
  type InterruptTelemetry,
  type MappingTelemetry,
  type ProgramTelemetry,
  type RegisterTelemetry,
  TELEMETRY_SCHEMA,
  type TelemetrySnapshot,
} from "./snapshot.ts";
