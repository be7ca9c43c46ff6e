import type { AerSeverity } from "@userpci/sysfs";

/**
 * What `@userpci/pci-config` calls the errors that the kernel counts, by the kernel's names for them (`aer_correctable_error_string` and
 * `aer_uncorrectable_error_string` in `drivers/pci/pcie/aer.c`; PCI Express 6.0, sections 7.8.4.2 and 7.8.4.5). Half of them are lspci's
 * words too, by which pci-config's tests read what that prints: another vocabulary, which has fewer bits and goes its own way.
 */
export const aerNames = {
  correctable: {
    RxErr: "receiver",
    BadTLP: "badTlp",
    BadDLLP: "badDllp",
    Rollover: "replayRollover",
    Timeout: "replayTimeout",
    NonFatalErr: "advisoryNonFatal",
    CorrIntErr: "internal",
    HeaderOF: "headerLogOverflow",
  },
  uncorrectable: {
    DLP: "dataLinkProtocol",
    SDES: "surpriseDown",
    TLP: "poisonedTlp",
    FCP: "flowControlProtocol",
    CmpltTO: "completionTimeout",
    CmpltAbrt: "completerAbort",
    UnxCmplt: "unexpectedCompletion",
    RxOF: "receiverOverflow",
    MalfTLP: "malformedTlp",
    ECRC: "ecrc",
    UnsupReq: "unsupportedRequest",
    ACSViol: "acsViolation",
    UncorrIntErr: "internal",
    BlockedTLP: "multicastBlocked",
    AtomicOpBlocked: "atomicEgressBlocked",
    TLPBlockedErr: "prefixBlocked",
    PoisonTLPBlocked: "poisonedEgressBlocked",
    DMWrReqBlocked: "deferrableWriteBlocked",
    IDECheck: "ideCheckFailed",
    MisIDETLP: "misroutedIdeTlp",
    PCRC_CHECK: "pcrcCheckFailed",
    TLPXlatBlocked: "translationBlocked",
  },
} as const satisfies Record<string, Readonly<Record<string, string>>>;

/** Our name of an error that the kernel has counted; the kernel's own for one that we do not know. */
export function aerName(severity: AerSeverity, name: string): string {
  const names: Readonly<Record<string, string>> =
    severity === "correctable" ? aerNames.correctable : aerNames.uncorrectable;
  return Object.hasOwn(names, name) ? names[name]! : name;
}
