/** Private conversations: the list, and the one that is open; side by side where there is room. */
import { useEffect, useState } from 'preact/hooks';
import { ago, plural, t } from '../../i18n';
import type { Chats } from '../../model/chats';
import type { Summary } from '../../model/chat-store';
import type { Strangers } from '../../model/strangers';
import { readWanted } from '../../model/lookup';
import { paths, STRANGERS } from '../../model/route';
import { jidOf } from '../../xmpp/jid';
import { Dialog } from '../Dialog';
import { TextField } from '../fields';
import { useAccount, useClient, useLink, useNow, useSignal } from '../hooks';
import { Icon } from '../icons';
import { PageHead } from '../PageHead';
import { useCalled, useContacts } from '../people-hooks';
import { AvatarWithPresence, useVisible } from '../Presence';
import { A, navigate } from '../router';
import { ConversationView } from './ConversationView';
import { StrangersView } from './StrangersView';
import '../../styles/chat.css';

export function MessagesPage({ whom }: { whom: string | undefined }) {
  const { chats: present, site } = useClient();
  const chats = useSignal(present);
  const jid = whom?.startsWith('@') === true ? jidOf(whom, site.domain) : whom;
  if (!chats) return null;
  return (
    <div class={whom === undefined ? 'chat-page' : 'chat-page is-open'}>
      <section class="chat-list" aria-label={t('chat.list')}>
        <ListHead />
        <StrangersRow strangers={chats.strangers} isCurrent={whom === STRANGERS} />
        <ConversationList chats={chats} current={jid} />
      </section>
      {whom === STRANGERS ? (
        <StrangersView chats={chats} />
      ) : jid === undefined ? (
        <div class="chat-main chat-nothing">
          <Icon name="chat" />
          <p>{t('chat.choose')}</p>
        </div>
      ) : (
        <ConversationView key={jid} jid={jid} chats={chats} />
      )}
    </div>
  );
}

/** The way to those whose first messages wait, where anybody does. */
function StrangersRow({ strangers, isCurrent }: { strangers: Strangers; isCurrent: boolean }) {
  const count = useSignal(strangers.list).length;
  if (count === 0 && !isCurrent) return null;
  return (
    <A to={paths.strangers} class={isCurrent ? 'chat-row is-current' : 'chat-row'}>
      <span class="chat-row-icon">
        <Icon name="people" />
      </span>
      <span class="person-text">
        <span class="name">{t('strangers.title')}</span>
        <span class="meta">{plural('strangers.count', count)}</span>
      </span>
    </A>
  );
}

function ListHead() {
  const [isOpen, setOpen] = useState(false);
  return (
    <PageHead title={t('chat.title')}>
      <button
        type="button"
        class="quiet icon-button"
        title={t('chat.new')}
        aria-label={t('chat.new')}
        onClick={() => setOpen(true)}
      >
        <Icon name="write" />
      </button>
      {isOpen && <NewMessage onClose={() => setOpen(false)} />}
    </PageHead>
  );
}

interface ConversationListProps {
  chats: Chats;
  current: string | undefined;
}

function ConversationList({ chats, current }: ConversationListProps) {
  const list = useSignal(chats.list);
  const typing = useSignal(chats.typing.who);
  const reach = useSignal(chats.history.reach);
  const link = useLink();
  if (list.length === 0) {
    return (
      <div class="empty">
        <p>{t('chat.none')}</p>
        <A to={paths.contacts} class="button">
          {t('contacts.title')}
        </A>
      </div>
    );
  }
  return (
    <>
      <ul>
        {list.map((summary) => (
          <ConversationRow
            key={summary.jid}
            summary={summary}
            isCurrent={summary.jid === current}
            isTyping={typing.has(summary.jid)}
          />
        ))}
      </ul>
      {link && !reach.isWhole && (
        <p class="chat-more">
          <button
            type="button"
            class="quiet"
            disabled={reach.isLoading}
            onClick={() => void chats.history.olderConversations()}
          >
            {t('chat.list.older')}
          </button>
        </p>
      )}
    </>
  );
}

interface RowProps {
  summary: Summary;
  isCurrent: boolean;
  isTyping: boolean;
}

function ConversationRow({ summary, isCurrent, isTyping }: RowProps) {
  const { domain } = useClient().site;
  const now = useNow();
  const { jid, latest, unread, draft } = summary;
  const name = useCalled(jid);
  const availability = useVisible(jid);
  const body = latest?.isRetracted ? t('chat.retracted') : (latest?.body ?? '');
  const words =
    latest?.delivery === undefined || latest.isRetracted ? body : t('chat.mine', { text: body });
  const preview = isTyping
    ? t('chat.isTyping')
    : draft !== '' && !isCurrent
      ? t('chat.draft', { text: draft })
      : words;
  return (
    <li class={unread > 0 ? 'is-unread' : undefined}>
      <A
        to={paths.conversation(jid, domain)}
        class={isCurrent ? 'chat-row is-current' : 'chat-row'}
      >
        <AvatarWithPresence jid={jid} size="normal" availability={availability} />
        <span class="person-text">
          <span class="chat-row-head">
            <bdi class="name">{name}</bdi>
            {latest && <time>{ago(latest.at, now)}</time>}
          </span>
          <span class={isTyping ? 'meta is-typing' : 'meta'} dir="auto">
            {preview}
          </span>
        </span>
        {unread > 0 && (
          <span class="badge">
            <span aria-hidden="true">{unread}</span>
            <span class="visually-hidden">{plural('chat.unread', unread)}</span>
          </span>
        )}
      </A>
    </li>
  );
}

/** To whom? Contacts first, and any address. */
function NewMessage({ onClose }: { onClose: () => void }) {
  const { domain } = useClient().site;
  const account = useAccount();
  const contacts = useContacts();
  const [typed, setTyped] = useState('');
  const [isWrong, setWrong] = useState(false);
  useEffect(() => setWrong(false), [typed]);
  const open = (jid: string) => {
    onClose();
    navigate(paths.conversation(jid, domain));
  };
  const query = typed.trim().toLowerCase();
  const fitting = [...(contacts?.values() ?? [])]
    .filter(({ jid, name }) => `${jid} ${name ?? ''}`.toLowerCase().includes(query))
    .slice(0, 6);
  const submit = () => {
    const here = { domain, host: location.host };
    const wanted = readWanted(/[@:]/.test(query) ? query : `@${query}`, here);
    if (wanted.kind === 'address' && wanted.jid !== account) open(wanted.jid);
    else setWrong(true);
  };
  return (
    <Dialog label={t('chat.new')} kind="window" onClose={onClose}>
      <div class="dialog-head">
        <h2>{t('chat.new')}</h2>
        <button
          type="button"
          class="quiet icon-button"
          aria-label={t('add.close')}
          onClick={onClose}
        >
          <Icon name="close" />
        </button>
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <TextField
          id="chat-to"
          label={t('chat.to')}
          value={typed}
          onInput={setTyped}
          isCode
          isFocused
          placeholder={t('search.placeholder')}
          error={isWrong ? t('add.address.bad') : undefined}
        />
        <div class="actions">
          <button type="submit" class="primary" disabled={query === ''}>
            {t('chat.begin')}
          </button>
        </div>
        <ul class="chat-choices">
          {fitting.map(({ jid }) => (
            <li key={jid}>
              <Choice jid={jid} onChoose={() => open(jid)} />
            </li>
          ))}
        </ul>
      </form>
    </Dialog>
  );
}

function Choice({ jid, onChoose }: { jid: string; onChoose: () => void }) {
  const name = useCalled(jid);
  const availability = useVisible(jid);
  return (
    <button type="button" class="quiet chat-choice" onClick={onChoose}>
      <AvatarWithPresence jid={jid} size="normal" availability={availability} />
      <span class="person-text">
        <bdi class="name">{name}</bdi>
        <span class="handle">{jid}</span>
      </span>
    </button>
  );
}
