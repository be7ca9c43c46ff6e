/** What lspci says of its use, to standard error; options that userpci lacks are left out. */
export const HELP = `Usage: lspci [<switches>]

Basic display modes:
-mm		Produce machine-readable output (single -m for an obsolete format)
-t		Show bus tree

Display options:
-v		Be verbose (-vv or -vvv for higher verbosity)
-k		Show kernel drivers handling each device
-x		Show hex-dump of the standard part of the config space
-xxx		Show hex-dump of the whole config space (dangerous; root only)
-xxxx		Show hex-dump of the 4096-byte extended config space (root only)
-b		Bus-centric view (addresses and IRQ's as seen by the bus)
-D		Always show domain numbers
-P		Display bridge path in addition to bus and device number
-PP		Display bus path in addition to bus and device number

Resolving of device IDs to names:
-n		Show numeric IDs
-nn		Show both textual and numeric IDs (names & numbers)

Selection of devices:
-s [[[[<domain>]:]<bus>]:][<slot>][.[<func>]]	Show only devices in selected slots
-d [<vendor>]:[<device>][:<class>]		Show only devices with specified IDs

Other options:
-i <file>	Use specified ID database instead of the system's

PCI access options:
-A <method>	Use the specified PCI access method (here: linux-sysfs, dump)
-O <par>=<val>	Set PCI access parameter (here: sysfs.path, dump.name)
-F <file>	Read PCI configuration dump from a given file
`;
