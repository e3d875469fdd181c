#!/usr/bin/env bash
# A machine to break: this one's file system copy-on-write, processes, host name and network of its own (loopback
# only), and systemd as its first process. Whatever happens in it is gone when it ends.
#   machine.sh FOLDER NAME   makes it in an empty FOLDER; needs root
# It writes the process id of its first process, as seen from outside, to FOLDER.init, and ends when it is killed.
set -euo pipefail
folder=$1 name=$2

# Inside: everything below is mounted where only this machine sees it.
if [ "${3:-}" = inside ]; then
  mount -t tmpfs -o mode=755 machine "$folder"
  mkdir "$folder"/{changed,work,root}
  mount -t overlay machine -o "lowerdir=/,upperdir=$folder/changed,workdir=$folder/work" "$folder/root"
  root=$folder/root
  # The checkout, when it lies on another file system than the root, and the folder of what the tests hand over.
  checkout=$(cd "$(dirname "$0")/../../.." && pwd)
  if [ "$(stat -c %d /)" != "$(stat -c %d "$checkout")" ]; then
    mkdir "$folder"/{checkout,checkout-work}
    mount -t overlay checkout -o "lowerdir=$checkout,upperdir=$folder/checkout,workdir=$folder/checkout-work" "$root$checkout"
  fi
  mount -t proc proc "$root/proc"
  mount -o bind,ro "$root/proc/sys" "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 dev "$root/dev"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mkdir "$root"/dev/{pts,shm}
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  mount -t tmpfs -o mode=755 run "$root/run"

  units=$root/etc/systemd/system
  mkdir -p "$units"
  printf '[Unit]\nDescription=A machine for tests\nDefaultDependencies=no\nWants=systemd-journald.service\n' > "$units/machine.target"
  # What would look for hardware, or clean up what the tests lay down.
  for unit in systemd-{modules-load,remount-fs,sysusers,tmpfiles-setup,tmpfiles-setup-dev,update-utmp,random-seed,timesyncd,resolved,udevd}.service \
    systemd-ask-password-console.path sys-{kernel-debug,kernel-tracing,fs-fuse-connections}.mount dev-{hugepages,mqueue}.mount tmp.mount; do
    ln -sfn /dev/null "$units/$unit"
  done
  rm -f "$root/etc/hosts"
  echo "127.0.0.1 localhost $name example.org pubsub.example.org xmpp.example.org www.example.org" > "$root/etc/hosts"
  hostname "$name"
  cd "$root"
  mkdir -p .before
  pivot_root . .before
  umount -l /.before
  exec env -i container=folkmoot-tests PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio /lib/systemd/systemd --unit=machine.target --log-target=null
fi

# Outside: a control group of its own, or systemd would sort this machine's processes.
groups=/sys/fs/cgroup
[ -e "$groups/cgroup.procs" ] || groups=$groups/unified
group=$groups/folkmoot-$name-$$
mkdir "$group"
machine=
end() {
  [ -z "$machine" ] || { kill -KILL "$machine" && wait "$machine"; } 2>/dev/null || true
  # The last of its processes may take a moment to be gone.
  for _ in {1..500}; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.01
  done
}
trap end EXIT
trap 'exit 0' TERM INT
(
  echo "$BASHPID" > "$group/cgroup.procs"
  exec unshare --mount --net --pid --ipc --uts --cgroup --fork --kill-child --propagation private \
    bash "$0" "$folder" "$name" inside
) &
machine=$!
init=
until [ -n "$init" ]; do
  kill -0 "$machine"
  sleep 0.01
  init=$(cat "/proc/$machine/task/$machine/children" 2>/dev/null || true)
done
echo "$init" > "$folder.init"
wait "$machine" || true
