# What becomes PID 1 of a test's machine: this machine's own files under a layer in memory, and systemd on top.
# init.sh FOLDER VENV PYTHON LIBRARIES; run by machine.py in new PID, mount, UTS, IPC and cgroup namespaces.
set -eu
folder=$1 venv=$2 python=$3 libraries=$4
mount --make-rprivate /
mount -t tmpfs -o mode=755,size=1g machine "$folder" # whatever is written lands here, in memory
mkdir "$folder/upper" "$folder/work" "$folder/root"
root=$folder/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$root"

mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
for device in null zero full random urandom tty; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/etc/systemd/system" # no unit of this machine is enabled
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
# before PID 1 starts: systemd-sysctl would set the one kernel that all share
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
[ ! -e "$root/proc/sysrq-trigger" ] || mount --bind /dev/null "$root/proc/sysrq-trigger"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"

# units that are of no use here or would reach beyond it
for unit in systemd-modules-load.service systemd-remount-fs.service systemd-sysctl.service systemd-networkd.service \
  systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-tmpfiles-clean.timer systemd-sysusers.service \
  systemd-update-utmp.service systemd-journal-flush.service systemd-ask-password-console.path systemd-timesyncd.service \
  systemd-ask-password-wall.path systemd-journald-audit.socket systemd-initctl.socket systemd-networkd-wait-online.service \
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
  kmod-static-nodes.service dbus.socket; do
  ln -s /dev/null "$root/etc/systemd/system/$unit"
done
mkdir -p "$root/run/systemd/journald.conf.d" "$root/run/systemd/system"
printf '[Journal]\nStorage=volatile\nAudit=no\nReadKMsg=no\nRateLimitIntervalSec=0\n' >"$root/run/systemd/journald.conf.d/test.conf"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
rm -rf "$root/etc/synapse-sync" "$root/etc/credstore" "$root/var/lib/synapse-sync" "$root/var/lib/private"

# the package as it is installed on a host: a venv that every user can read, on the Python that runs the tests
mkdir -p "$root/opt/synapse-sync" "$root/opt/python" "$root/opt/libraries"
for pair in "$venv:synapse-sync" "$python:python" "$libraries:libraries"; do
  mount --bind "${pair%:*}" "$root/opt/${pair#*:}"
  mount -o remount,bind,ro "$root/opt/${pair#*:}"
done
echo /opt/python/lib >"$root/etc/ld.so.conf.d/test.conf"

cd "$root"
mkdir -p run/old
pivot_root . run/old
umount -l /run/old
rmdir /run/old
/sbin/ldconfig
mount --make-rshared / # a container's manager has to: without it the credentials of a service stay invisible
exec setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time,-syslog,-audit_control,-audit_read,-mac_admin,-mac_override,-wake_alarm \
  env -i container=synapse-sync-test PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  /lib/systemd/systemd --system --unit=basic.target --log-target=console --log-level=info --show-status=no
