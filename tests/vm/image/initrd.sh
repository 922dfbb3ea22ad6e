#!/bin/sh
# Packs the smallest initial RAM disk that finds the root disk: a static busybox and the drivers of that disk.
#   initrd.sh ROOT OUT
set -eu
root=$1
out=$(realpath -m "$2")
kernel=$(basename "$root"/lib/modules/*)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/bin" "$work/dev" "$work/proc" "$work/sys" "$work/root"
cp "$root/bin/busybox" "$work/bin/busybox"
for applet in sh insmod mount switch_root sleep; do ln -s busybox "$work/bin/$applet"; done

number=100
: >"$work/order"
for module in virtio_pci virtio_blk crc32c_generic crc32c_intel ext4; do
  modprobe -d "$root" -S "$kernel" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' >"$work/order"
while read -r file; do
  number=$((number + 1))
  name=$work/$number-$(basename "$file")
  cp "$file" "$name"
  case $name in *.xz) unxz "$name" ;; *.zst) zstd -q -d --rm "$name" ;; esac
done <"$work/order"
rm "$work/order"

cat >"$work/init" <<'END'
#!/bin/sh
export PATH=/bin
mount -t devtmpfs dev /dev
for module in /*.ko; do insmod "$module"; done
until [ -b /dev/vda ]; do sleep 0.1; done
mount -t ext4 /dev/vda /root
mount -o move /dev /root/dev
exec switch_root /root /sbin/init
END
chmod 755 "$work/init"
(cd "$work" && find . | cpio --quiet -o -H newc | gzip -1) >"$out"
