/** Adds a contact, after a look at whom they might be taken for; changes names and groups. */
import { useMemo, useState } from 'preact/hooks';
import { errorText } from '../i18n/errors';
import { t } from '../i18n';
import type { Contacts } from '../model/contacts';
import { warnings, type Named, type Warning } from '../model/lookalike';
import { readWanted } from '../model/lookup';
import { LONGEST_CONTACT_NAME, readGroups } from '../model/roster';
import { localpart } from '../xmpp/jid';
import { adding, closeAdding } from './adding';
import { Dialog } from './Dialog';
import { TextField } from './fields';
import { useAccount, useClient, useLink, useName, useSignal, useTask } from './hooks';
import { Icon } from './icons';
import { toast } from './toasts';

export function AddContact() {
  const state = useSignal(adding);
  const contacts = useSignal(useClient().contacts);
  if (state.kind === 'closed' || !contacts) return null;
  const title = state.kind === 'edit' ? t('add.edit.title') : t('add.title');
  return (
    <Dialog label={title} kind="window" onClose={closeAdding}>
      <div class="dialog-head">
        <h2>{title}</h2>
        <button
          type="button"
          class="quiet icon-button"
          aria-label={t('add.close')}
          onClick={closeAdding}
        >
          <Icon name="close" />
        </button>
      </div>
      {state.kind === 'edit' ? (
        <EditForm jid={state.jid} contacts={contacts} />
      ) : (
        <AddForm given={state.jid} contacts={contacts} />
      )}
    </Dialog>
  );
}

type Problem = { field: 'address'; text: string } | undefined;

function AddForm({ given, contacts }: { given: string | undefined; contacts: Contacts }) {
  const { domain } = useClient().site;
  const account = useAccount();
  const link = useLink();
  const { busy, error, run } = useTask();
  const [address, setAddress] = useState(given ?? '');
  const [name, setName] = useState('');
  const [groups, setGroups] = useState('');
  const [problem, setProblem] = useState<Problem>(undefined);
  const wanted = readWanted(address, { domain, host: location.host });
  const jid = wanted.kind === 'address' ? wanted.jid : undefined;
  const theirName = useName(jid ?? account, '');
  const suggested = jid === undefined || theirName === '' ? '' : theirName;
  const found = useWarnings(jid, suggested, contacts);

  const submit = () => {
    const text =
      jid === undefined ? t('add.address.bad') : jid === account ? t('add.address.own') : undefined;
    setProblem(text === undefined ? undefined : { field: 'address', text });
    if (text !== undefined || jid === undefined || !link) return;
    const called = name.trim() || suggested;
    void run(async () => {
      await contacts.roster.add(link, jid, called, readGroups(groups));
      toast(t('add.done', { name: called || localpart(jid) }));
      closeAdding();
    });
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {given === undefined && (
        <TextField
          id="add-address"
          label={t('add.address')}
          value={address}
          onInput={setAddress}
          isCode
          isFocused
          hint={t('add.address.hint', { address: `name@${domain}` })}
          error={problem?.text}
        />
      )}
      {found.length > 0 && jid !== undefined && (
        <LookTwice jid={jid} name={suggested} found={found} contacts={contacts} />
      )}
      <NameFields
        name={name}
        placeholder={suggested}
        groups={groups}
        onName={setName}
        onGroups={setGroups}
        contacts={contacts}
      />
      {jid !== undefined && <p class="hint breakable">{t('add.explain', { address: jid })}</p>}
      {(error !== undefined || (given !== undefined && problem)) && (
        <p class="form-error" role="alert">
          {problem?.text ?? errorText(error)}
        </p>
      )}
      <div class="actions">
        <button type="button" class="quiet" onClick={closeAdding}>
          {t('dialog.cancel')}
        </button>
        <button
          type="submit"
          class={found.length > 0 ? 'danger' : 'primary'}
          disabled={busy || !link}
        >
          {found.length > 0 ? t('add.submit.anyway') : t('add.submit')}
        </button>
      </div>
    </form>
  );
}

/** Compares with one's contacts, whom one follows, and the people of this site. */
function useWarnings(jid: string | undefined, name: string, contacts: Contacts): Warning[] {
  const { suggestions, follows, names } = useClient();
  const account = useAccount();
  return useMemo(() => {
    if (jid === undefined) return [];
    const known: Named[] = [];
    const add = (other: string, own: string | undefined) => {
      const given = [own, names.of(other).value].filter((one) => one !== undefined);
      known.push({ jid: other, names: given });
    };
    add(account, undefined);
    for (const contact of contacts.roster.contacts.value?.values() ?? []) {
      known.push({ jid: contact.jid, names: contact.name === undefined ? [] : [contact.name] });
    }
    for (const other of follows.state.value?.keys() ?? []) add(other, undefined);
    for (const person of suggestions.state.value.people ?? []) {
      known.push({ jid: person.jid, names: person.name === undefined ? [] : [person.name] });
    }
    return warnings({ jid, names: name === '' ? [] : [name] }, known);
  }, [jid, name, contacts, account]);
}

interface LookTwiceProps {
  jid: string;
  name: string;
  found: readonly Warning[];
  contacts: Contacts;
}

/** Names can be made alike; addresses, whole and letter by letter, cannot. */
function LookTwice({ jid, name, found, contacts }: LookTwiceProps) {
  return (
    <div class="look-twice" role="alert">
      <p>
        <Icon name="alert" />
        <strong>{t('alike.title')}</strong>
      </p>
      <p>
        {t('alike.this')} <bdi>{name}</bdi> <Spelled jid={jid} />
      </p>
      {found.map((warning) =>
        warning.kind === 'mixed' ? (
          <p key="mixed">{t('alike.mixed')}</p>
        ) : (
          <p key={warning.jid}>
            {t('alike.twin')} <bdi>{contacts.roster.of(warning.jid)?.name}</bdi>{' '}
            <Spelled jid={warning.jid} />
          </p>
        ),
      )}
    </div>
  );
}

/** An address with the letters marked that are no plain Latin. */
function Spelled({ jid }: { jid: string }) {
  const parts = jid.split(/([^\u0021-\u007e]+)/u);
  return (
    <code class="breakable" dir="ltr">
      {parts.map((part, index) => (index % 2 === 1 ? <mark key={index}>{part}</mark> : part))}
    </code>
  );
}

function EditForm({ jid, contacts }: { jid: string; contacts: Contacts }) {
  const link = useLink();
  const { busy, error, run } = useTask();
  const contact = contacts.roster.of(jid);
  const theirName = useName(jid, localpart(jid));
  const [name, setName] = useState(contact?.name ?? '');
  const [groups, setGroups] = useState(contact?.groups.join(', ') ?? '');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!link) return;
        void run(async () => {
          await contacts.roster.edit(link, jid, name, readGroups(groups));
          toast(t('add.saved'));
          closeAdding();
        });
      }}
    >
      <p class="hint breakable">{jid}</p>
      <NameFields
        name={name}
        placeholder={theirName}
        groups={groups}
        onName={setName}
        onGroups={setGroups}
        contacts={contacts}
      />
      {error !== undefined && (
        <p class="form-error" role="alert">
          {errorText(error)}
        </p>
      )}
      <div class="actions">
        <button type="button" class="quiet" onClick={closeAdding}>
          {t('dialog.cancel')}
        </button>
        <button type="submit" class="primary" disabled={busy || !link}>
          {t('settings.save')}
        </button>
      </div>
    </form>
  );
}

interface NameFieldsProps {
  name: string;
  /** What they call themselves. */
  placeholder: string;
  groups: string;
  onName: (name: string) => void;
  onGroups: (groups: string) => void;
  contacts: Contacts;
}

function NameFields({ name, placeholder, groups, onName, onGroups, contacts }: NameFieldsProps) {
  const chosen = readGroups(groups);
  const others = contacts.roster.groups.filter((group) => !chosen.includes(group)).slice(0, 8);
  return (
    <>
      <TextField
        id="add-name"
        label={t('add.name')}
        value={name}
        onInput={onName}
        placeholder={placeholder}
        maxLength={LONGEST_CONTACT_NAME}
      />
      <TextField
        id="add-groups"
        label={t('add.groups')}
        value={groups}
        onInput={onGroups}
        hint={t('add.groups.hint')}
      />
      {others.length > 0 && (
        <p class="tags group-choice">
          {others.map((group) => (
            <button
              key={group}
              type="button"
              class="chip"
              onClick={() => onGroups([...chosen, group].join(', '))}
            >
              {group}
            </button>
          ))}
        </p>
      )}
    </>
  );
}
