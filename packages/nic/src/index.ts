/**
 * Driver of the small network interface.
 *
 * @packageDocumentation
 */
export {};
