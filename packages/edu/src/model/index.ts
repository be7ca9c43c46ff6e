/**
 * edu as a device model.
 *
 * @packageDocumentation
 */
export {};
