/** A field to write in that suggests people while an `@` is being typed. */
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { plural, t } from '../i18n';
import { complete, suggest, typingAt, type Candidate } from '../model/mentions';
import { Avatar } from './Avatar';
import { useCandidates } from './candidates';

const MOST = 6;

interface Props {
  field: RefObject<HTMLTextAreaElement | null>;
  id: string;
  label: string;
  placeholder: string;
  rows: number;
  describedBy: string;
  value: string;
  onChange: (value: string) => void;
  onSubmit: () => void;
  onFocus: () => void;
}

export function MentionField(props: Props) {
  const { field, id, value, onChange } = props;
  const [caret, setCaret] = useState<number | undefined>(undefined);
  const [active, setActive] = useState(0);
  const typing = caret === undefined ? undefined : typingAt(value, caret);
  const candidates = useCandidates(typing !== undefined);
  const found = typing ? suggest(candidates, typing.word, MOST) : [];
  const isOpen = found.length > 0;
  const chosen = Math.min(active, found.length - 1);

  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }, [value]);
  useEffect(() => setActive(0), [typing?.word]);

  const look = () => {
    const area = field.current;
    setCaret(area && area.selectionStart === area.selectionEnd ? area.selectionStart : undefined);
  };
  const pick = (candidate: Candidate | undefined) => {
    const area = field.current;
    if (!typing || !candidate || !area) return;
    const next = complete(value, typing, candidate.handle);
    // Written into the field at once, so that the caret can be put where it belongs.
    area.value = next.text;
    area.setSelectionRange(next.caret, next.caret);
    area.focus();
    setCaret(undefined);
    onChange(next.text);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      props.onSubmit();
      return;
    }
    if (!isOpen || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setActive((chosen + step + found.length) % found.length);
    else if (event.key === 'Enter' || event.key === 'Tab') pick(found[chosen]);
    else if (event.key === 'Escape') setCaret(undefined);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="mention-field">
      <textarea
        ref={field}
        id={id}
        rows={props.rows}
        dir="auto"
        aria-label={props.label}
        aria-describedby={props.describedBy}
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls={isOpen ? `${id}-people` : undefined}
        aria-activedescendant={isOpen ? `${id}-person-${chosen}` : undefined}
        placeholder={props.placeholder}
        value={value}
        onInput={(event) => {
          onChange(event.currentTarget.value);
          look();
        }}
        onClick={look}
        onKeyUp={(event) => {
          if (/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) look();
        }}
        onFocus={props.onFocus}
        onBlur={() => setCaret(undefined)}
        onKeyDown={onKey}
      />
      {isOpen && (
        <ul class="suggestions" role="listbox" id={`${id}-people`} aria-label={t('mention.label')}>
          {found.map((candidate, index) => (
            <Suggestion
              key={candidate.jid}
              id={`${id}-person-${index}`}
              candidate={candidate}
              isActive={index === chosen}
              onPick={() => pick(candidate)}
            />
          ))}
        </ul>
      )}
      <span class="visually-hidden" role="status">
        {isOpen ? plural('mention.found', found.length) : ''}
      </span>
    </div>
  );
}

interface SuggestionProps {
  id: string;
  candidate: Candidate;
  isActive: boolean;
  onPick: () => void;
}

function Suggestion({ id, candidate, isActive, onPick }: SuggestionProps) {
  return (
    <li
      id={id}
      role="option"
      aria-selected={isActive}
      class={isActive ? 'suggestion is-active' : 'suggestion'}
      // The field keeps the focus.
      onPointerDown={(event) => event.preventDefault()}
      onClick={onPick}
    >
      <Avatar jid={candidate.jid} size="small" fallback={candidate.name} />
      <span class="suggestion-text">
        <bdi class="name">{candidate.name ?? candidate.handle}</bdi>
        <span class="handle">@{candidate.handle}</span>
      </span>
    </li>
  );
}
