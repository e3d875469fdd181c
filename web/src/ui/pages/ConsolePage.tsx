/** The XML console: what goes over the wire, as it goes, and a way to join in. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { clockTime, moment, plural, t } from '../../i18n';
import { checkStanza, type Checked } from '../../model/own-stanza';
import type { Piece } from '../../model/traffic';
import { useCalmSignal, useClient, useLink, useSignal } from '../hooks';
import { Icon } from '../icons';
import { PageHead } from '../PageHead';
import { Segments } from './AppearanceForm';
import '../../styles/console.css';

type Kind = 'all' | 'message' | 'presence' | 'iq';

export function ConsolePage() {
  const { traffic } = useClient();
  useEffect(() => traffic.isRecording.set(true), [traffic]);
  return (
    <>
      <PageHead title={t('console.title')} subtitle={t('console.subtitle')} hasBack />
      <div class="console">
        <p class="hint">{t('console.text')}</p>
        <Sending />
        <Stream />
      </div>
    </>
  );
}

function Stream() {
  const { traffic } = useClient();
  const live = useCalmSignal(traffic.pieces);
  const isRecording = useSignal(traffic.isRecording);
  const [frozen, setFrozen] = useState<readonly Piece[] | undefined>(undefined);
  const [filter, setFilter] = useState('');
  const [kind, setKind] = useState<Kind>('all');
  const pieces = frozen ?? live;
  const shown = useMemo(() => {
    const words = filter.trim().toLowerCase();
    return pieces
      .filter((piece) => kind === 'all' || piece.kind === kind)
      .filter((piece) => words === '' || piece.text.toLowerCase().includes(words))
      .toReversed();
  }, [pieces, filter, kind]);
  const newest = frozen?.at(-1)?.id ?? 0;
  const since = frozen ? live.filter((piece) => piece.id > newest).length : 0;
  return (
    <section>
      <div class="console-tools">
        <Segments
          legend={t('console.kinds')}
          name="kind"
          options={[
            ['all', t('console.kind.all')],
            ['message', t('console.kind.message')],
            ['presence', t('console.kind.presence')],
            ['iq', t('console.kind.iq')],
          ]}
          value={kind}
          onChoose={setKind}
        />
        <div class="search">
          <Icon name="search" />
          <input
            type="search"
            aria-label={t('console.filter')}
            placeholder={t('console.filter')}
            spellcheck={false}
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
        </div>
        <div class="console-buttons">
          <button type="button" onClick={() => setFrozen(frozen ? undefined : live)}>
            {frozen ? t('console.resume') : t('console.pause')}
          </button>
          <button
            type="button"
            onClick={() => {
              traffic.clear();
              if (frozen) setFrozen([]);
            }}
          >
            {t('console.clear')}
          </button>
          <button type="button" onClick={() => traffic.isRecording.update((before) => !before)}>
            {isRecording ? t('console.stop') : t('console.start')}
          </button>
          {since > 0 && <span class="hint">{plural('console.paused', since)}</span>}
        </div>
      </div>
      {shown.length === 0 ? (
        <p class="empty">{pieces.length === 0 ? t('console.none') : t('console.noMatch')}</p>
      ) : (
        <ol class="stanzas" aria-label={t('console.log')}>
          {shown.map((piece) => (
            <Stanza key={piece.id} piece={piece} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Stanza({ piece }: { piece: Piece }) {
  const direction = piece.direction === 'in' ? t('console.in') : t('console.out');
  return (
    <li class={`stanza is-${piece.direction}`}>
      <p>
        <Icon name={piece.direction === 'in' ? 'down' : 'up'} />
        {direction} <time title={moment(piece.at)}>{clockTime(piece.at)}</time>
      </p>
      <pre dir="ltr">
        <code>{colours(piece.text)}</code>
      </pre>
    </li>
  );
}

/** Tags, names of attributes and their values, each in its own colour. */
function colours(text: string) {
  const parts = text.split(/(<\/?[^\s<>/]+|\/?>|\s[\w:.-]+='[^']*')/g);
  return parts.map((part, index) => {
    if (part === '') return null;
    const [, name, value] = /^(\s[\w:.-]+=)('[^']*')$/.exec(part) ?? [];
    if (name !== undefined) {
      return (
        <span key={index} class="xml-name">
          {name}
          <span class="xml-value">{value}</span>
        </span>
      );
    }
    return index % 2 === 1 ? (
      <span key={index} class="xml-tag">
        {part}
      </span>
    ) : (
      part
    );
  });
}

function Sending() {
  const link = useLink();
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState('');
  const checked = checkStanza(text, () => `console-${crypto.randomUUID().slice(0, 8)}`);
  const problem = problemOf(checked);
  return (
    <details class="console-send">
      <summary>{t('console.send.title')}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (checked.kind !== 'ready' || !link) return;
          link.send(checked.xml);
          setText('');
          field.current?.focus();
        }}
      >
        <Examples onChoose={setText} />
        <textarea
          ref={field}
          rows={5}
          dir="ltr"
          spellcheck={false}
          autocapitalize="none"
          aria-label={t('console.send.label')}
          aria-describedby="console-note"
          aria-invalid={problem !== undefined}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <p id="console-note" class={problem === undefined ? 'hint' : 'field-error'}>
          {problem ?? t('console.send.hint')}
        </p>
        <button type="submit" class="primary" disabled={checked.kind !== 'ready' || !link}>
          {t('console.send.submit')}
        </button>
      </form>
    </details>
  );
}

function problemOf(checked: Checked): string | undefined {
  switch (checked.kind) {
    case 'broken':
      return t('console.check.broken');
    case 'not-a-stanza':
      return t('console.check.stanza', { name: checked.name });
    case 'iq-type':
      return t('console.check.iq');
    default:
      return undefined;
  }
}

function Examples({ onChoose }: { onChoose: (text: string) => void }) {
  const { domain } = useClient().site;
  const iq = (to: string, content: string) => `<iq type='get'${to}>\n  ${content}\n</iq>`;
  const server = ` to='${domain}'`;
  const examples: [string, string][] = [
    [t('console.example.ping'), iq(server, "<ping xmlns='urn:xmpp:ping'/>")],
    [
      t('console.example.disco'),
      iq(server, "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
    ],
    [t('console.example.version'), iq(server, "<query xmlns='jabber:iq:version'/>")],
    [t('console.example.roster'), iq('', "<query xmlns='jabber:iq:roster'/>")],
    [
      t('console.example.posts'),
      iq(
        '',
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'>\n    <items node='urn:xmpp:microblog:0' max_items='1'/>\n  </pubsub>",
      ),
    ],
  ];
  return (
    <p class="tags" role="group" aria-label={t('console.examples')}>
      {examples.map(([name, text]) => (
        <button key={name} type="button" class="chip" onClick={() => onChoose(text)}>
          {name}
        </button>
      ))}
    </p>
  );
}
