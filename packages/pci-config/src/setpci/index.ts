/**
 * Registers by name or number, read and written in the syntax of `setpci`.
 *
 * @packageDocumentation
 */
export { type ApplyOptions, applyOperation, resolveOperation, type Step, type Target } from "./apply.ts";
export {
  type NamedCapability,
  type NamedRegister,
  namedCapabilities,
  namedRegisters,
  registerListing,
} from "./names.ts";
export { type MaskedValue, type Operation, type OperationBase, parseOperation } from "./operation.ts";
