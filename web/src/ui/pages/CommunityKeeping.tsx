/** What owners and moderators of a community do: its picture, and who may what in it. */
import { useState } from 'preact/hooks';
import { t } from '../../i18n';
import {
  fetchRoles,
  keepsOrder,
  ROLES,
  setAvatar,
  setRole,
  type Community,
  type Role,
} from '../../xmpp/communities';
import { useClient, useLink, useTask } from '../hooks';
import { Failure, useFetched } from './fetched';

/** Larger than it is ever shown. */
const SIDE = 256;
const QUALITY = 0.85;

/** A picture cut to a square of what it is shown at, in base64. */
async function squared(file: File): Promise<string> {
  const image = await createImageBitmap(file);
  const side = Math.min(image.width, image.height);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = Math.min(side, SIDE);
  const [left, top] = [(image.width - side) / 2, (image.height - side) / 2];
  const { width, height } = canvas;
  canvas.getContext('2d')?.drawImage(image, left, top, side, side, 0, 0, width, height);
  image.close();
  const [, base64 = ''] = canvas.toDataURL('image/webp', QUALITY).split(',');
  return base64;
}

interface Props {
  community: Community;
  onDone: () => void;
}

export function Keeping({ community, onDone }: Props) {
  return (
    <details class="founding">
      <summary>{t('community.keeping')}</summary>
      <Picture community={community} onDone={onDone} />
      <Roles community={community} onDone={onDone} />
    </details>
  );
}

function Picture({ community: { node, avatar }, onDone }: Props) {
  const { pubsub } = useClient().site;
  const link = useLink();
  const { busy, error, run } = useTask();
  const change = (file: File | undefined) =>
    void run(async () => {
      if (!link) return;
      await setAvatar(link, pubsub, node, file ? await squared(file) : '');
      onDone();
    });
  return (
    <div class="stack">
      <label>
        {t('community.picture')}
        <input
          type="file"
          accept="image/*"
          disabled={!link || busy}
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) change(file);
          }}
        />
      </label>
      {avatar !== undefined && (
        <button
          type="button"
          class="quiet"
          disabled={!link || busy}
          onClick={() => change(undefined)}
        >
          {t('community.picture.remove')}
        </button>
      )}
      <Failure error={error} />
    </div>
  );
}

function Roles({ community: { node, role }, onDone }: Props) {
  const { pubsub } = useClient().site;
  const link = useLink();
  const { value, error, again } = useFetched((to) => fetchRoles(to, pubsub, node), [node]);
  const { busy, error: failure, run } = useTask();
  const [typed, setTyped] = useState('');
  // A moderator makes and unmakes nobody who keeps order.
  const given = ROLES.filter((one) => role === 'owner' || !keepsOrder(one));
  const set = (jid: string, to: Role) =>
    void run(async () => {
      if (!link) return;
      await setRole(link, pubsub, node, jid, to);
      setTyped('');
      again();
      onDone();
    });
  return (
    <>
      <h2 class="section-head">{t('community.roles')}</h2>
      <ul class="people">
        {[...(value ?? [])].map(([jid, has]) => (
          <li key={jid} class="person">
            <span class="person-text">
              <bdi class="name">{jid}</bdi>
            </span>
            <select
              aria-label={t('community.role.of', { name: jid })}
              value={has}
              disabled={!link || busy || !given.includes(has)}
              onChange={(event) => set(jid, event.currentTarget.value as Role)}
            >
              {(given.includes(has) ? given : [has]).map((one) => (
                <option key={one} value={one}>
                  {roleText(one)}
                </option>
              ))}
            </select>
          </li>
        ))}
      </ul>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const chosen = new FormData(event.currentTarget).get('role');
          set(typed.trim(), given.find((one) => one === chosen) ?? 'member');
        }}
      >
        <label>
          {t('community.role.who')}
          <input
            required
            maxLength={1023}
            autocapitalize="none"
            spellcheck={false}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <label>
          {t('community.role.what')}
          <select name="role">
            {[...given].reverse().map((one) => (
              <option key={one} value={one} selected={one === 'member'}>
                {roleText(one)}
              </option>
            ))}
          </select>
        </label>
        <Failure error={error ?? failure} />
        <button type="submit" disabled={!link || busy}>
          {t('community.role.set')}
        </button>
      </form>
    </>
  );
}

function roleText(role: Role): string {
  return {
    owner: t('community.role.owner'),
    moderator: t('community.role.moderator'),
    publisher: t('community.role.publisher'),
    member: t('community.role.member'),
    outcast: t('community.role.outcast'),
    none: t('community.role.none'),
  }[role];
}
