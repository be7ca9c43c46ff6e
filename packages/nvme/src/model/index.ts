/**
 * A RAM disk controller as a device model.
 *
 * @packageDocumentation
 */
export {};
