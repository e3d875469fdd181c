/** What can be done about somebody: write, add, change, remove, block. */
import { useState } from 'preact/hooks';
import { errorText } from '../i18n/errors';
import { t } from '../i18n';
import { paths } from '../model/route';
import { sendPresence } from '../xmpp/presence';
import { isOpenToUs } from '../xmpp/roster';
import { handleOf } from '../xmpp/jid';
import { openAdd, openEdit } from './adding';
import { Dialog } from './Dialog';
import { useAccount, useClient, useLink, useSignal } from './hooks';
import { lazy } from './lazy';
import { Icon } from './icons';
import { Menu, type MenuItem } from './Menu';
import { useBlocked, useContact } from './people-hooks';
import { A, navigate, useRoute } from './router';
import { toast } from './toasts';

interface Props {
  jid: string;
  name: string;
}

export const BlockDialog = lazy(async () => (await import('./BlockDialog')).BlockDialog);

/** For people who may be contacts or not: a way to write to them, or to add them. */
export function ContactButton({ jid, name }: Props) {
  const account = useAccount();
  const { domain } = useClient().site;
  const contact = useContact(jid);
  if (jid === account) return null;
  return contact ? (
    <A
      to={paths.conversation(jid, domain)}
      class="quiet icon-button"
      aria-label={t('contacts.message', { name })}
    >
      <Icon name="chat" />
    </A>
  ) : (
    <button
      type="button"
      class="quiet icon-button"
      title={t('add.button')}
      aria-label={t('add.buttonLabel', { name })}
      onClick={() => openAdd(jid)}
    >
      <Icon name="plus" />
    </button>
  );
}

type Question = 'none' | 'remove' | 'block';

/** The menu at somebody's name; `label` says what it belongs to. */
export function ContactMenu({ jid, name, label }: Props & { label: string }) {
  const client = useClient();
  const link = useLink();
  const contacts = useSignal(client.contacts);
  const contact = useContact(jid);
  const isBlocked = useBlocked()?.has(jid) === true;
  const { path } = useRoute();
  const profile = paths.profile(handleOf(jid, client.site.domain));
  const [question, setQuestion] = useState<Question>('none');
  if (!contacts) return null;

  const attempt = (task: () => Promise<void>, done: string) => {
    task().then(
      () => toast(done),
      (error: unknown) => toast(errorText(error), 'error'),
    );
  };
  const remove = () => {
    setQuestion('none');
    if (link) {
      attempt(() => contacts.roster.remove(link, jid), t('contacts.removed', { name }));
    }
  };
  const unblock = () => {
    if (!link) return;
    attempt(() => contacts.blocked.unblock(link, jid), t('contacts.unblocked', { address: jid }));
  };
  const items: MenuItem[] = [];
  if (path !== profile) {
    items.push({ icon: 'person', text: t('contacts.profile'), run: () => navigate(profile) });
  }
  if (contact) {
    items.push({ icon: 'write', text: t('contacts.edit'), run: () => openEdit(jid) });
    if (!isOpenToUs(contact) && !contact.isAsked) {
      items.push({
        icon: 'eye',
        text: t('contacts.ask'),
        run: () => link && sendPresence(link, jid, 'subscribe'),
      });
    }
    items.push({
      icon: 'trash',
      text: t('contacts.remove'),
      isDanger: true,
      run: () => setQuestion('remove'),
    });
  } else items.push({ icon: 'plus', text: t('add.button'), run: () => openAdd(jid) });
  items.push(
    isBlocked
      ? { icon: 'unblock', text: t('contacts.unblock'), run: unblock }
      : {
          icon: 'block',
          text: t('contacts.block'),
          isDanger: true,
          run: () => setQuestion('block'),
        },
  );
  return (
    <>
      <Menu label={label} items={items} />
      {question === 'remove' && (
        <Confirm
          title={t('contacts.remove.title', { name })}
          text={t('contacts.remove.text')}
          submit={t('contacts.remove')}
          onSubmit={remove}
          onClose={() => setQuestion('none')}
        />
      )}
      {question === 'block' && (
        <BlockDialog jid={jid} name={name} onClose={() => setQuestion('none')} />
      )}
    </>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  submit: string;
  onSubmit: () => void;
  onClose: () => void;
}

/** A question before something that is not easily undone. */
export function Confirm({ title, text, submit, onSubmit, onClose }: ConfirmProps) {
  return (
    <Dialog label={title} kind="question" onClose={onClose}>
      <h2>
        <bdi>{title}</bdi>
      </h2>
      <p class="breakable">{text}</p>
      <div class="actions">
        <button type="button" class="quiet" onClick={onClose}>
          {t('dialog.cancel')}
        </button>
        <button type="button" class="danger" onClick={onSubmit}>
          {submit}
        </button>
      </div>
    </Dialog>
  );
}
