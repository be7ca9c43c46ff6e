/** What `setpci --help` says, to standard error. */
export const HELP = `Usage: setpci [<options>] (<device>+ <reg>[=<values>]*)*

General options:
-f		Don't complain if there's nothing to do
-v		Be verbose
-D		List changes, don't commit them
-r		Use raw access without bus scan if possible
--dumpregs	Dump all known register names and exit

PCI access options:
-A <method>	Use the specified PCI access method (here: linux-sysfs)
-O <par>=<val>	Set PCI access parameter (here: sysfs.path)

Setting commands:
<device>:	-s [[[<domain>]:][<bus>]:][<slot>][.[<func>]]
		-d [<vendor>]:[<device>]
<reg>:		<base>[+<offset>][.(B|W|L)][@<number>]
<base>:		<address>
		<named-register>
		[E]CAP_<capability-name>
		[E]CAP<capability-number>
<values>:	<value>[,<value>...]
<value>:	<hex>
		<hex>:<mask>
`;
