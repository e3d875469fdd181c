/** One private conversation: what was said, who is typing, and where to write. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { conditionText } from '../../i18n/errors';
import { clockTime, dayName, moment, t } from '../../i18n';
import { LONGEST_MESSAGE, type Chats } from '../../model/chats';
import type { Message } from '../../model/chat-store';
import { lengthOf } from '../../model/text';
import { paths } from '../../model/route';
import { handleOf } from '../../xmpp/jid';
import { openAdd } from '../adding';
import { Confirm, ContactMenu } from '../ContactActions';
import { useClient, useLink, useNow, useSignal } from '../hooks';
import { Icon, type IconName } from '../icons';
import { useBlocked, useCalled, useContact, useContacts } from '../people-hooks';
import { PostText } from '../PostText';
import { availabilityText, AvatarWithPresence, useVisible } from '../Presence';
import { A, navigate } from '../router';
import { useTitle } from '../title';

interface Props {
  jid: string;
  chats: Chats;
}

export function ConversationView({ jid, chats }: Props) {
  const messages = useSignal(chats.messages(jid));
  const isTyping = useSignal(chats.typing).has(jid);
  const name = useCalled(jid);
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
  return (
    <section class="chat-main">
      <Head jid={jid} name={name} chats={chats} />
      <Log jid={jid} name={name} chats={chats} messages={messages} isTyping={isTyping} />
      <Writing jid={jid} name={name} chats={chats} />
    </section>
  );
}

function Head({ jid, name, chats }: Props & { name: string }) {
  const { domain } = useClient().site;
  const now = useNow();
  const availability = useVisible(jid);
  const [isForgetting, setForgetting] = useState(false);
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
      <button
        type="button"
        class="quiet icon-button"
        title={t('chat.forget')}
        aria-label={t('chat.forget')}
        onClick={() => setForgetting(true)}
      >
        <Icon name="trash" />
      </button>
      <ContactMenu jid={jid} name={name} label={t('chat.menu')} />
      {isForgetting && (
        <Confirm
          title={t('chat.forget.title')}
          text={t('chat.forget.text')}
          submit={t('chat.forget')}
          onSubmit={() => {
            chats.forget(jid);
            navigate(paths.messages, 'replace');
          }}
          onClose={() => setForgetting(false)}
        />
      )}
    </header>
  );
}

interface LogProps extends Props {
  name: string;
  messages: readonly Message[];
  isTyping: boolean;
}

/** As near to the end as this counts as being there. */
const NEAR = 80;

function Log({ jid, name, chats, messages, isTyping }: LogProps) {
  const log = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const now = useNow();
  const latest = messages.at(-1);
  useLayoutEffect(() => {
    // One's own words are always shown; others' do not tear the reader away.
    const isOwn = latest?.delivery !== undefined;
    if (log.current && (isAtEnd.current || isOwn)) log.current.scrollTop = log.current.scrollHeight;
  }, [messages, isTyping]);
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
      }}
    >
      <p class="chat-note">{t('chat.history')}</p>
      {messages.map((message, index) => {
        const before = messages[index - 1];
        const isNewDay = !before || dayName(before.at, now) !== dayName(message.at, now);
        return (
          <Entry
            key={`${message.delivery === undefined ? 'in' : 'out'} ${message.id} ${message.at}`}
            day={isNewDay ? dayName(message.at, now) : undefined}
            isFollowUp={!isNewDay && isSameBreath(before, message)}
            message={message}
            onRetry={() => chats.retry(jid, message.id)}
            onDiscard={() => chats.discard(jid, message.id)}
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

const BREATH = 3 * 60_000;

function isSameBreath(before: Message | undefined, message: Message): boolean {
  return (
    before !== undefined &&
    (before.delivery === undefined) === (message.delivery === undefined) &&
    message.at - before.at < BREATH
  );
}

interface EntryProps {
  message: Message;
  /** A new day begins with it. */
  day: string | undefined;
  isFollowUp: boolean;
  onRetry: () => void;
  onDiscard: () => void;
}

function Entry({ message, day, isFollowUp, onRetry, onDiscard }: EntryProps) {
  const { body, at, delivery, isLate } = message;
  const side = delivery === undefined ? 'theirs' : 'mine';
  return (
    <>
      {day !== undefined && <h2 class="chat-day">{day}</h2>}
      <div class={`bubble is-${side}${isFollowUp ? ' is-follow-up' : ''}`}>
        <div class="bubble-text" dir="auto">
          <PostText text={body} />
        </div>
        <span class="bubble-foot">
          {isLate && <span>{t('chat.late')}</span>}
          <time dateTime={new Date(at).toISOString()} title={moment(at)}>
            {clockTime(at)}
          </time>
          {delivery !== undefined && delivery !== 'failed' && <DeliveryMark delivery={delivery} />}
        </span>
        {delivery === 'failed' && (
          <span class="bubble-failed" role="alert">
            <Icon name="alert" />
            {t('chat.state.failed', { reason: conditionText(message.error ?? '') })}
            <button type="button" class="link" onClick={onRetry}>
              {t('chat.retry')}
            </button>
            <button type="button" class="link" onClick={onDiscard}>
              {t('chat.discard')}
            </button>
          </span>
        )}
      </div>
    </>
  );
}

function DeliveryMark({ delivery }: { delivery: 'waiting' | 'sent' | 'delivered' }) {
  const isOnline = useLink() !== undefined;
  const icons: Record<typeof delivery, IconName> = {
    waiting: 'clock',
    sent: 'check',
    delivered: 'sent',
  };
  const text = {
    waiting: isOnline ? t('chat.state.sending') : t('chat.state.waiting'),
    sent: t('chat.state.sent'),
    delivered: t('chat.state.delivered'),
  }[delivery];
  return (
    <span class={`mark is-${delivery}`} title={text}>
      <Icon name={icons[delivery]} />
      <span class="visually-hidden">{text}</span>
    </span>
  );
}

/** Where a thumb writes, the key for a new line makes one; on a keyboard it sends. */
function isThumb(): boolean {
  return matchMedia('(pointer: coarse)').matches;
}

function Writing({ jid, name, chats }: Props & { name: string }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const isBlocked = useBlocked()?.has(jid) === true;
  const isKnown = useContacts() === undefined || useContact(jid) !== undefined;
  const draft = useSignal(chats.list).find((summary) => summary.jid === jid)?.draft ?? '';
  const [text, setText] = useState(draft);
  const over = lengthOf(text.trim()) - LONGEST_MESSAGE;
  const canSend = text.trim() !== '' && over <= 0;
  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);
  useEffect(() => {
    if (!isThumb()) field.current?.focus();
  }, []);

  const submit = () => {
    if (!canSend) return;
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
            chats.type(jid, event.currentTarget.value);
          }}
          onKeyDown={(event) => {
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
          aria-label={t('chat.send')}
        >
          <Icon name="send" />
        </button>
      </form>
    </>
  );
}
