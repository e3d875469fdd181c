// The Debian package on a machine with systemd: installed, served from, upgraded, removed, purged.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { Machine } from './lib/machine.mjs';

const FOLDER = resolve(import.meta.dirname, '../../target/debian');
/** What systemd makes of the unit's confinement: 0 is best, 10 is none at all. */
const MOST_EXPOSED = 1.5;

let machine;
before(async () => {
  machine = await Machine.start('package');
  // Images for containers forbid the start of services.
  await does('rm -f /usr/sbin/policy-rc.d');
});
after(() => machine?.remove());

/** Runs it; it must succeed. Gives what it said. */
async function does(script) {
  const { code, output } = await machine.run(script);
  assert.equal(code, 0, `${script}\n${output}${await journal()}`);
  return output.trim();
}

async function journal() {
  return (await machine.enter('journalctl -q --no-pager -n 30 -u folkmoot 2>/dev/null')).output;
}

const packages = readdirSync(FOLDER).filter((name) => name.endsWith('.deb'));
assert.equal(packages.length, 1, `one package in ${FOLDER}: make deb`);
const DEB = join(FOLDER, packages[0]);

test('it installs, and serves localhost as a user of its own', async () => {
  await does(`dpkg -i ${DEB}`);
  assert.equal(await does('systemctl is-active folkmoot; systemctl is-enabled folkmoot'), 'active\nenabled');
  assert.match(await does('curl -sf http://localhost:5280/healthz'), /\S/);
  const process = '/proc/$(systemctl show -p MainPID --value folkmoot)';
  assert.equal(await does(`stat -c %U ${process}; stat -c '%U %a' /var/lib/folkmoot`), 'folkmoot\nfolkmoot 700');
  // What the unit asks for, not what this machine gives.
  assert.equal(await does('systemctl show -p LimitNOFILE --value folkmoot'), '1048576');
  assert.match(await does('systemctl show -p StatusText folkmoot'), /serving/);
});

test('the unit is sound and keeps the program in its place', async () => {
  assert.equal(await does('systemd-analyze verify folkmoot.service'), '');
  const told = await does('systemd-analyze security --no-pager folkmoot.service');
  const exposure = Number(/exposure level for folkmoot.service: ([0-9.]+)/.exec(told)?.[1]);
  assert.ok(exposure <= MOST_EXPOSED, told);
  const status = await does('cat /proc/$(systemctl show -p MainPID --value folkmoot)/status');
  assert.match(status, /^NoNewPrivs:\t1$/m);
  // CAP_NET_BIND_SERVICE and no other.
  for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(status, new RegExp(`^${set}:\\t0{13}400$`, 'm'));
});

test('commands find the configuration and the running server by themselves', async () => {
  await does('echo wherefore | folkmoot account add juliet@localhost --password-stdin');
  await does('echo wherefore | folkmoot account add juliet@example.org --password-stdin && exit 1 || true');
  assert.match(await does('folkmoot account list'), /^juliet@localhost +active$/m);
  assert.match(await does('folkmoot backup /tmp/town.tar'), /1 accounts/);
});

test('it reads certificates again when told, and comes back when it dies', async () => {
  const pid = await does('systemctl show -p MainPID --value folkmoot');
  await does('systemctl reload folkmoot && systemctl is-active folkmoot');
  assert.equal(await does('systemctl show -p MainPID --value folkmoot'), pid);
  await does(`kill -KILL ${pid}
    until [ "$(systemctl show -p NRestarts --value folkmoot)" = 1 ] && systemctl is-active --quiet folkmoot; do sleep 0.1; done`);
  await does('curl -sf http://localhost:5280/healthz');
});

test('the usual ports of the web need no root', async () => {
  await does(`printf 'domains = ["localhost", "example.org"]\\ndata = "/var/lib/folkmoot"\\n[ports]\\nhttp = 80\\nhttps = 443\\n' > /etc/folkmoot/folkmoot.toml
    systemctl restart folkmoot`);
  await does('curl -sf http://example.org/healthz && curl -skf https://example.org/healthz');
});

test('without the server, commands want the user that owns the folder', async () => {
  await does('systemctl stop folkmoot');
  const { code, output } = await machine.run('folkmoot account list');
  assert.equal(code, 1);
  assert.match(output, /sudo -u folkmoot/);
  assert.match(await does('runuser -u folkmoot -- folkmoot account list'), /juliet@localhost/);
  await does('systemctl start folkmoot');
});

test('an upgrade keeps what was configured and written, and serves again', async () => {
  const pid = await does('systemctl show -p MainPID --value folkmoot');
  await does(`dpkg -i ${DEB}`);
  assert.notEqual(await does('systemctl show -p MainPID --value folkmoot'), pid);
  assert.match(await does('cat /etc/folkmoot/folkmoot.toml'), /^https = 443$/m);
  assert.match(await does('folkmoot account list'), /juliet@localhost/);
});

test('it brings manual pages, completions and its licence', async () => {
  const files = await does('dpkg -L folkmoot');
  for (const file of ['man1/folkmoot.1.gz', 'man1/folkmoot-serve.1.gz', 'completions/folkmoot', '_folkmoot', 'folkmoot.fish', 'doc/folkmoot/copyright'])
    assert.match(files, new RegExp(`/${file}$`, 'm'));
  await does('. /usr/share/bash-completion/completions/folkmoot && complete -p folkmoot');
  assert.match(await does('zcat /usr/share/man/man1/folkmoot-serve.1.gz'), /\.TH folkmoot/);
});

test('removal stops it and keeps what people wrote; a purge leaves nothing', async () => {
  await does('dpkg -r folkmoot');
  assert.equal((await machine.run('systemctl is-active --quiet folkmoot')).code, 3);
  await does('test -e /var/lib/folkmoot/folkmoot.db && test -e /etc/folkmoot/folkmoot.toml');
  await does(`dpkg -i ${DEB}`);
  assert.match(await does('folkmoot account list'), /juliet@localhost/);
  await does('dpkg -P folkmoot');
  await does('! test -e /var/lib/folkmoot && ! test -e /etc/folkmoot && ! test -e /usr/bin/folkmoot');
  assert.equal(await does('find / -xdev -name "*folkmoot.service*" -not -path "/proc/*" -not -path "*/packaging/*" -path "/etc/*"'), '');
  await does('getent passwd folkmoot');
});
