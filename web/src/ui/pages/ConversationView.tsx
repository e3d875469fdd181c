/** One private conversation: what was said, who is typing, and where to write. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { dayName, t } from '../../i18n';
import { LONGEST_MESSAGE, type Chats } from '../../model/chats';
import type { Message } from '../../model/chat-store';
import { lengthOf } from '../../model/text';
import { paths } from '../../model/route';
import { handleOf } from '../../xmpp/jid';
import { openAdd } from '../adding';
import { ContactMenu } from '../ContactActions';
import { useClient, useLink, useNow, useSignal } from '../hooks';
import { Icon } from '../icons';
import { useBlocked, useCalled, useContacts } from '../people-hooks';
import { availabilityText, AvatarWithPresence, useVisible } from '../Presence';
import { A } from '../router';
import { useTitle } from '../title';
import { Bubble } from './Bubble';

interface Props {
  jid: string;
  chats: Chats;
}

export function ConversationView({ jid, chats }: Props) {
  const messages = useSignal(chats.messages(jid));
  const isTyping = useSignal(chats.typing.who).has(jid);
  const name = useCalled(jid);
  const [edited, setEdited] = useState<Message | undefined>(undefined);
  useTitle(name);
  useEffect(() => {
    // Only what is before somebody's eyes is read.
    const look = () => chats.look(document.visibilityState === 'visible' ? jid : undefined);
    look();
    document.addEventListener('visibilitychange', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      chats.look(undefined);
    };
  }, [jid, chats]);
  const editLast = () => {
    const own = messages.findLast(({ delivery, isRetracted }) => delivery && !isRetracted);
    if (own && canChange(own)) setEdited(own);
  };
  return (
    <section class="chat-main">
      <Head jid={jid} name={name} />
      <Log
        jid={jid}
        name={name}
        chats={chats}
        messages={messages}
        isTyping={isTyping}
        onEdit={setEdited}
      />
      <Writing
        key={edited?.id ?? ''}
        jid={jid}
        name={name}
        chats={chats}
        edited={edited}
        onEditLast={editLast}
        onEdited={() => setEdited(undefined)}
      />
    </section>
  );
}

/** What the server has can be changed; what waits or failed cannot yet. */
function canChange({ delivery }: Message): boolean {
  return delivery === 'sent' || delivery === 'delivered' || delivery === 'read';
}

function Head({ jid, name }: { jid: string; name: string }) {
  const { domain } = useClient().site;
  const now = useNow();
  const availability = useVisible(jid);
  const handle = handleOf(jid, domain);
  return (
    <header class="page-head chat-head">
      <A
        to={paths.messages}
        class="quiet icon-button button narrow-back"
        aria-label={t('nav.back')}
      >
        <Icon name="back" />
      </A>
      <A to={paths.profile(handle)} class="person-link">
        <AvatarWithPresence jid={jid} size="small" availability={availability} />
        <span class="person-text">
          <h1>
            <bdi>{name}</bdi>
          </h1>
          <span class="meta" dir="auto">
            @{handle}
            {availability && ` · ${availabilityText(availability, now)}`}
          </span>
        </span>
      </A>
      <ContactMenu jid={jid} name={name} label={t('chat.menu')} />
    </header>
  );
}

interface LogProps extends Props {
  name: string;
  messages: readonly Message[];
  isTyping: boolean;
  onEdit: (message: Message) => void;
}

/** As near to the end, or to the beginning, as this counts as being there. */
const NEAR = 80;
/** A conversation is opened with at least so many messages, where there are as many. */
const ENOUGH = 25;

function Log({ jid, name, chats, messages, isTyping, onEdit }: LogProps) {
  const log = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  /** How far the reader is from the end, to stay there when older messages come above. */
  const fromEnd = useRef(0);
  const first = useRef<Message | undefined>(undefined);
  const now = useNow();
  const link = useLink();
  const reach = useSignal(chats.history.of(jid));
  const latest = messages.at(-1);
  useLayoutEffect(() => {
    const area = log.current;
    if (!area) return;
    const isOlder = first.current !== undefined && first.current !== messages[0];
    first.current = messages[0];
    // One's own words are always shown; others' do not tear the reader away.
    const isOwn = latest?.delivery !== undefined && !isOlder;
    if (isAtEnd.current || isOwn) area.scrollTop = area.scrollHeight;
    else if (isOlder) area.scrollTop = area.scrollHeight - fromEnd.current;
  }, [messages, isTyping]);
  useEffect(() => {
    if (link && messages.length < ENOUGH && !reach.hasFailed) void chats.history.older(jid);
  }, [link, jid, chats, messages.length < ENOUGH, reach.isLoading]);
  return (
    <div
      ref={log}
      class="chat-log"
      role="log"
      aria-label={t('chat.log', { name })}
      tabIndex={0}
      onScroll={(event) => {
        const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
        fromEnd.current = scrollHeight - scrollTop;
        if (scrollTop < NEAR && !isAtEnd.current) void chats.history.older(jid);
      }}
    >
      <Beginning reach={reach} name={name} onMore={() => void chats.history.older(jid)} />
      {messages.map((message, index) => {
        const before = messages[index - 1];
        const isNewDay = !before || dayName(before.at, now) !== dayName(message.at, now);
        return (
          <Bubble
            key={`${message.delivery === undefined ? 'in' : 'out'} ${message.id} ${message.at}`}
            day={isNewDay ? dayName(message.at, now) : undefined}
            isFollowUp={!isNewDay && isSameBreath(before, message)}
            jid={jid}
            name={name}
            chats={chats}
            message={message}
            onEdit={canChange(message) ? () => onEdit(message) : undefined}
          />
        );
      })}
      <p class="chat-typing" aria-live="polite">
        {isTyping && (
          <>
            <span class="typing-dots" aria-hidden="true">
              <i />
              <i />
              <i />
            </span>
            {t('chat.typing', { name })}
          </>
        )}
      </p>
    </div>
  );
}

interface BeginningProps {
  reach: { isLoading: boolean; isWhole: boolean; hasFailed: boolean };
  name: string;
  onMore: () => void;
}

/** What stands above the oldest message that is shown. */
function Beginning({ reach, name, onMore }: BeginningProps) {
  const isOnline = useLink() !== undefined;
  if (reach.isWhole) return <p class="chat-note">{t('chat.beginning', { name })}</p>;
  if (reach.isLoading) return <p class="chat-note">{t('chat.older.loading')}</p>;
  if (!isOnline) return null;
  return (
    <p class="chat-note">
      {reach.hasFailed && `${t('chat.older.failed')} `}
      <button type="button" class="link" onClick={onMore}>
        {t('chat.older')}
      </button>
    </p>
  );
}

const BREATH = 3 * 60_000;

function isSameBreath(before: Message | undefined, message: Message): boolean {
  return (
    before !== undefined &&
    (before.delivery === undefined) === (message.delivery === undefined) &&
    message.at - before.at < BREATH
  );
}

/** Where a thumb writes, the key for a new line makes one; on a keyboard it sends. */
function isThumb(): boolean {
  return matchMedia('(pointer: coarse)').matches;
}

interface WritingProps extends Props {
  name: string;
  /** The message that is being changed, if one is. */
  edited: Message | undefined;
  onEditLast: () => void;
  onEdited: () => void;
}

function Writing({ jid, name, chats, edited, onEditLast, onEdited }: WritingProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const isBlocked = useBlocked()?.has(jid) === true;
  const contacts = useContacts();
  const isKnown = contacts?.has(jid) ?? true;
  const draft = useSignal(chats.list).find((summary) => summary.jid === jid)?.draft ?? '';
  const [text, setText] = useState(edited?.body ?? draft);
  const over = lengthOf(text.trim()) - LONGEST_MESSAGE;
  const canSend = text.trim() !== '' && over <= 0;
  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);
  useEffect(() => {
    if (edited || !isThumb()) field.current?.focus();
  }, []);

  const submit = () => {
    if (!canSend) return;
    if (edited) {
      chats.correct(jid, edited, text);
      onEdited();
      return;
    }
    chats.send(jid, text);
    setText('');
    field.current?.focus();
  };
  if (isBlocked) return <p class="chat-stranger">{t('chat.blocked', { name })}</p>;
  return (
    <>
      {!isKnown && (
        <p class="chat-stranger">
          {t('chat.stranger', { name })}{' '}
          <button type="button" class="link" onClick={() => openAdd(jid)}>
            {t('add.button')}
          </button>
        </p>
      )}
      {edited && (
        <p class="chat-editing">
          <Icon name="write" />
          {t('chat.editing')}
          <button type="button" class="link" onClick={onEdited}>
            {t('chat.editing.cancel')}
          </button>
        </p>
      )}
      <form
        class="chat-write"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          enterkeyhint={isThumb() ? 'enter' : 'send'}
          aria-label={t('chat.write', { name })}
          placeholder={t('chat.placeholder')}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            // What is changed is no draft of something new.
            if (!edited) chats.type(jid, event.currentTarget.value);
          }}
          onKeyDown={(event) => {
            if (event.key === 'Escape' && edited) onEdited();
            if (event.key === 'ArrowUp' && text === '' && !edited) {
              event.preventDefault();
              onEditLast();
            }
            const isPlain = !event.shiftKey && !event.isComposing && !isThumb();
            if (event.key === 'Enter' && (isPlain || event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              submit();
            }
          }}
        />
        {over > 0 && <span class="field-error">{t('chat.tooLong', { count: over })}</span>}
        <button
          type="submit"
          class="primary icon-button"
          disabled={!canSend}
          aria-label={edited ? t('settings.save') : t('chat.send')}
        >
          <Icon name={edited ? 'check' : 'send'} />
        </button>
      </form>
    </>
  );
}
