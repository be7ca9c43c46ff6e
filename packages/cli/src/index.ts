/**
 * The `userpci` command as a function, for programs that embed it.
 *
 * @packageDocumentation
 */
export { exitStatus } from "./exit-status.ts";
export { run } from "./run.ts";
export { type Colour, createStyle, type Style } from "./style.ts";
export { processTerminal, type Terminal } from "./terminal.ts";
