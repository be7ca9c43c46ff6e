/**
 * A model of edu, QEMU's teaching device: what the driver drives where there is no QEMU.
 *
 * @packageDocumentation
 */
export { type EduOptions, edu } from "./edu.ts";
