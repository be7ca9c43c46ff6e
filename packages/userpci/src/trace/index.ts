/**
 * Recordings: what a driver and its device did, written down, printed, and repeated without the device.
 *
 * @packageDocumentation
 */
export type { ReplayReport } from "./environment.ts";
export { type BarTables, type PrintOptions, tracePrinter } from "./print.ts";
export { type RecordOptions, record } from "./record.ts";
export type { TraceSink } from "./recorder.ts";
export { readRecording, readRecordingSync, type TraceSource } from "./recording.ts";
export { type Replay, replay } from "./replay.ts";
export type {
  AccessEvent,
  CallEvent,
  InterruptEvent,
  Json,
  MapEvent,
  MemoryEvent,
  OpenEvent,
  OpenedDevice,
  ResultEvent,
  TraceContent,
  TracedError,
  TraceEvent,
  TraceWidth,
  UnmapEvent,
} from "./trace-event.ts";
