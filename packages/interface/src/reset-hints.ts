/** What may mend that a device cannot be reset, by what was to be reset. */
export const resetHints = {
  function:
    'hotReset() resets its bus or slot, if device.features.has("hot-reset"); where there is neither, bring it to a known state by its registers',
  bus: "reset() resets the function alone, if device.info.resettable; where there is neither, bring it to a known state by its registers",
} as const;
