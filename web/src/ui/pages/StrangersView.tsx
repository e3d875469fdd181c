/** Strangers whose first messages wait: what they wrote, and what is to become of it. */
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { ago, plural, t } from '../../i18n';
import type { Chats } from '../../model/chats';
import { paths } from '../../model/route';
import type { Stranger } from '../../model/strangers';
import { handleOf } from '../../xmpp/jid';
import { Avatar } from '../Avatar';
import { BlockDialog } from '../ContactActions';
import { useClient, useLink, useNow, useSignal } from '../hooks';
import { Icon } from '../icons';
import { useCalled } from '../people-hooks';
import { PostText } from '../PostText';
import { A, navigate } from '../router';
import { useTitle } from '../title';
import { toast } from '../toasts';

export function StrangersView({ chats }: { chats: Chats }) {
  const list = useSignal(chats.strangers.list);
  useTitle(t('strangers.title'));
  return (
    <section class="chat-main">
      <header class="page-head chat-head">
        <A
          to={paths.messages}
          class="quiet icon-button button narrow-back"
          aria-label={t('nav.back')}
        >
          <Icon name="back" />
        </A>
        <h1>{t('strangers.title')}</h1>
      </header>
      <div class="chat-log">
        <p class="chat-note">{list.length > 0 ? t('strangers.text') : t('strangers.none')}</p>
        <ul class="strangers">
          {list.map((stranger) => (
            <StrangerCard key={stranger.jid} stranger={stranger} chats={chats} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function StrangerCard({ stranger, chats }: { stranger: Stranger; chats: Chats }) {
  const { domain } = useClient().site;
  const { jid, count, messages } = stranger;
  const link = useLink();
  const now = useNow();
  const name = useCalled(jid);
  const [isBlocking, setBlocking] = useState(false);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    if (link && messages === undefined) void chats.strangers.open(jid).catch(() => undefined);
  }, [link, jid, messages, chats]);
  const decide = async (task: () => Promise<void>) => {
    setBusy(true);
    try {
      await task();
    } catch (error) {
      setBusy(false);
      toast(errorText(error), 'error');
    }
  };
  const accept = () =>
    decide(async () => {
      await chats.accept(jid);
      navigate(paths.conversation(jid, domain));
    });
  const decline = () =>
    decide(async () => {
      if (link) await chats.strangers.answer(link, jid, 'decline');
      toast(t('strangers.declined', { name }));
    });
  const said = (messages ?? []).filter(({ body }) => body !== undefined);
  return (
    <li class="stranger">
      <A to={paths.profile(handleOf(jid, domain))} class="person-link">
        <Avatar jid={jid} size="normal" />
        <span class="person-text">
          <bdi class="name">{name}</bdi>
          <span class="handle">
            {jid} · {plural('strangers.more', count)}
          </span>
        </span>
      </A>
      {said.map(({ id, archiveId, body, stamp }) => (
        <div key={archiveId ?? id} class="bubble is-theirs">
          <div class="bubble-text" dir="auto">
            <PostText text={body ?? ''} />
          </div>
          {stamp !== undefined && (
            <span class="bubble-foot">
              <time dateTime={new Date(stamp).toISOString()}>{ago(stamp, now)}</time>
            </span>
          )}
        </div>
      ))}
      <div class="actions">
        <button
          type="button"
          class="quiet danger"
          disabled={!link || isBusy}
          aria-label={t('strangers.blockLabel', { name })}
          onClick={() => setBlocking(true)}
        >
          {t('strangers.block')}
        </button>
        <button
          type="button"
          class="quiet"
          disabled={!link || isBusy}
          aria-label={t('strangers.declineLabel', { name })}
          onClick={() => void decline()}
        >
          {t('strangers.decline')}
        </button>
        <button
          type="button"
          class="primary"
          disabled={!link || isBusy}
          aria-label={t('strangers.acceptLabel', { name })}
          onClick={() => void accept()}
        >
          {t('strangers.accept')}
        </button>
      </div>
      {isBlocking && <BlockDialog jid={jid} name={name} onClose={() => setBlocking(false)} />}
    </li>
  );
}
