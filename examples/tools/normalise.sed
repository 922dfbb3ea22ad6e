# What differs from run to run, for sed -E: ids, addresses, times, versions and amounts of use become words.
s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g
s/00:16:3e(:[0-9a-f]{2}){3}/00:16:3e:xx:xx:xx/g
s|/dev/pts/[0-9]+|/dev/pts/N|
s/^[0-9]{3,}$/ID/
s/^ Id +Name/ Id   Name/
s/^ [0-9]+ +([a-z]+ +(running|paused)) *$/ ID   \1/
s/^-+$/----------/
s/^(Id: +)[0-9]+/\1ID/
s/^[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9:]{8} /TIME /
s/^BusyBox v.* built-in/BusyBox VERSION built-in/
s/^((CPU time|Used memory): +)[0-9.]+/\1USED/
s/^(	[a-z]+_time +)[0-9.]+/\1USED/
s/^(swap_in|rss|(major|minor)_fault|unused|usable|last_update|disk_caches) [0-9]+/\1 USED/
s/^([0-9a-f:]{17} [rt]x_[a-z]+) [0-9]+/\1 USED/
# What virsh says on a host without a polkit agent.
/^Authorization not available\. Check if polkit/d
