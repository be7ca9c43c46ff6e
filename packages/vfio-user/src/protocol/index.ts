/**
 * The vfio-user protocol as data: commands, structures, capabilities.
 *
 * @packageDocumentation
 */
export {};
