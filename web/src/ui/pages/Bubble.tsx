/** One message of a conversation, what people think of it, and what can be done with it. */
import { useState } from 'preact/hooks';
import { conditionText } from '../../i18n/errors';
import { clockTime, moment, t } from '../../i18n';
import type { Chats } from '../../model/chats';
import type { Delivery, Message } from '../../model/chat-store';
import { Confirm } from '../ContactActions';
import { useAccount, useLink } from '../hooks';
import { Icon, type IconName } from '../icons';
import { Menu, type MenuItem } from '../Menu';
import { PostText } from '../PostText';
import { toast } from '../toasts';

interface Props {
  jid: string;
  name: string;
  chats: Chats;
  message: Message;
  /** A new day begins with it. */
  day: string | undefined;
  isFollowUp: boolean;
  /** Undefined where it is not one's own to change. */
  onEdit: (() => void) | undefined;
}

const QUICK = ['👍', '❤️', '😂', '😮', '😢', '🙏'];

export function Bubble(props: Props) {
  const { message, day, isFollowUp, jid, chats } = props;
  const { body, at, delivery, isLate, isEdited, isRetracted } = message;
  const side = delivery === undefined ? 'theirs' : 'mine';
  return (
    <>
      {day !== undefined && <h2 class="chat-day">{day}</h2>}
      <div class={`bubble-row is-${side}${isFollowUp ? ' is-follow-up' : ''}`}>
        <div class={`bubble is-${side}`}>
          {isRetracted ? (
            <p class="bubble-gone">{t('chat.retracted')}</p>
          ) : (
            <div class="bubble-text" dir="auto">
              <PostText text={body} />
            </div>
          )}
          <span class="bubble-foot">
            {isEdited && <span>{t('chat.edited')}</span>}
            {isLate && <span>{t('chat.late')}</span>}
            <time dateTime={new Date(at).toISOString()} title={moment(at)}>
              {clockTime(at)}
            </time>
            {delivery !== undefined && delivery !== 'failed' && !isRetracted && (
              <DeliveryMark delivery={delivery} />
            )}
          </span>
          {delivery === 'failed' && (
            <span class="bubble-failed" role="alert">
              <Icon name="alert" />
              {t('chat.state.failed', { reason: conditionText(message.error ?? '') })}
              <button type="button" class="link" onClick={() => chats.retry(jid, message.id)}>
                {t('chat.retry')}
              </button>
              <button type="button" class="link" onClick={() => chats.discard(jid, message.id)}>
                {t('chat.discard')}
              </button>
            </span>
          )}
        </div>
        {!isRetracted && delivery !== 'failed' && delivery !== 'waiting' && <Actions {...props} />}
      </div>
      <Reactions {...props} />
    </>
  );
}

function Actions({ jid, chats, message, onEdit }: Props) {
  const account = useAccount();
  const link = useLink();
  const [isAsking, setAsking] = useState(false);
  const own = message.reactions?.[account] ?? [];
  const quick = QUICK.map((emoji) => ({
    text: emoji,
    label: own.includes(emoji) ? t('chat.unreact', { emoji }) : t('chat.react', { emoji }),
    isOn: own.includes(emoji),
    run: () => chats.react(jid, message, emoji),
  }));
  const items: MenuItem[] = [
    {
      icon: 'copy',
      text: t('chat.copy'),
      run: () => {
        navigator.clipboard.writeText(message.body).then(
          () => toast(t('chat.copied')),
          () => undefined,
        );
      },
    },
  ];
  if (link && onEdit) {
    items.push({ icon: 'write', text: t('chat.edit'), run: onEdit });
    items.push({
      icon: 'trash',
      text: t('chat.retract'),
      isDanger: true,
      run: () => setAsking(true),
    });
  }
  return (
    <>
      <Menu label={t('chat.message.menu')} items={items} {...(link ? { quick } : {})} />
      {isAsking && (
        <Confirm
          title={t('chat.retract.title')}
          text={t('chat.retract.text')}
          submit={t('chat.retract')}
          onSubmit={() => {
            setAsking(false);
            chats.retract(jid, message);
          }}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

function Reactions({ jid, name, chats, message }: Props) {
  const account = useAccount();
  const link = useLink();
  const all = Object.entries(message.reactions ?? {});
  if (all.length === 0) return null;
  const emojis = [...new Set(all.flatMap(([, theirs]) => theirs))];
  const side = message.delivery === undefined ? 'theirs' : 'mine';
  return (
    <ul class={`bubble-reactions is-${side}`}>
      {emojis.map((emoji) => {
        const by = all.filter(([, theirs]) => theirs.includes(emoji)).map(([who]) => who);
        const isOwn = by.includes(account);
        const label =
          by.length > 1
            ? t('chat.reaction.both', { emoji, name })
            : isOwn
              ? t('chat.reaction.own', { emoji })
              : t('chat.reaction.theirs', { emoji, name });
        return (
          <li key={emoji}>
            <button
              type="button"
              class={isOwn ? 'is-on' : undefined}
              aria-pressed={isOwn}
              aria-label={label}
              title={label}
              disabled={!link}
              onClick={() => chats.react(jid, message, emoji)}
            >
              {emoji}
              {by.length > 1 && <span>{by.length}</span>}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function DeliveryMark({ delivery }: { delivery: Exclude<Delivery, 'failed'> }) {
  const isOnline = useLink() !== undefined;
  const icons: Record<typeof delivery, IconName> = {
    waiting: 'clock',
    sent: 'check',
    delivered: 'sent',
    read: 'sent',
  };
  const text = {
    waiting: isOnline ? t('chat.state.sending') : t('chat.state.waiting'),
    sent: t('chat.state.sent'),
    delivered: t('chat.state.delivered'),
    read: t('chat.state.read'),
  }[delivery];
  return (
    <span class={`mark is-${delivery}`} title={text}>
      <Icon name={icons[delivery]} />
      <span class="visually-hidden">{text}</span>
    </span>
  );
}
