/**
 * Registers of NVM Express controllers.
 *
 * @packageDocumentation
 */
export {};
