/**
 * A pair of linked network interfaces as device models.
 *
 * @packageDocumentation
 */
export {};
