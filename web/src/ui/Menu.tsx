/** A button that opens a short menu; arrow keys, Escape and a click elsewhere work as expected. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icons';

export interface MenuItem {
  icon: IconName;
  text: string;
  isDanger?: boolean;
  run: () => void;
}

/** Something short to pick, in a row above the items. */
export interface QuickItem {
  text: string;
  label: string;
  isOn: boolean;
  run: () => void;
}

interface MenuProps {
  label: string;
  items: MenuItem[];
  quick?: QuickItem[];
}

export function Menu({ label, items, quick }: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!isOpen) return undefined;
    root.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    // All of it is to be seen, also where it hangs below what scrolls.
    root.current?.querySelector('[role=menu]')?.scrollIntoView({ block: 'nearest' });
    const onPointer = (event: PointerEvent) => {
      if (root.current?.contains(event.target as Node)) return;
      setOpen(false);
      swallowClick();
    };
    addEventListener('pointerdown', onPointer);
    return () => removeEventListener('pointerdown', onPointer);
  }, [isOpen]);

  const pick = (run: () => void) => {
    setOpen(false);
    button.current?.focus();
    run();
  };
  const onKey = (event: KeyboardEvent) => {
    if (!isOpen) return;
    if (event.key === 'Escape' || event.key === 'Tab') {
      setOpen(false);
      if (event.key === 'Escape') button.current?.focus();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const all = [...(root.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const index = all.indexOf(document.activeElement as HTMLElement);
    all[(index + step + all.length) % all.length]?.focus();
  };

  return (
    <div class="menu" ref={root} onKeyDown={onKey}>
      <button
        type="button"
        ref={button}
        class="quiet icon-button"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="more" />
      </button>
      {isOpen && (
        <div class="menu-list" role="menu" aria-label={label}>
          {quick && (
            <div class="menu-quick" role="group">
              {quick.map(({ text, label: name, isOn, run }) => (
                <button
                  key={text}
                  type="button"
                  role="menuitem"
                  tabIndex={-1}
                  class={isOn ? 'is-on' : undefined}
                  aria-label={name}
                  onClick={() => pick(run)}
                >
                  {text}
                </button>
              ))}
            </div>
          )}
          {items.map(({ icon, text, isDanger, run }) => (
            <MenuButton key={text} danger={isDanger === true} onPick={() => pick(run)}>
              <Icon name={icon} />
              {text}
            </MenuButton>
          ))}
        </div>
      )}
    </div>
  );
}

/** The click that closes a menu does nothing else, unless it is on a control of its own. */
function swallowClick(): void {
  const onClick = (event: MouseEvent) => {
    if (!(event.target as Element).closest('a, button, input, textarea')) event.stopPropagation();
  };
  addEventListener('click', onClick, { capture: true, once: true });
  setTimeout(() => removeEventListener('click', onClick, { capture: true }), 500);
}

interface MenuButtonProps {
  danger: boolean;
  onPick: () => void;
  children: ComponentChildren;
}

function MenuButton({ danger, onPick, children }: MenuButtonProps) {
  return (
    <button
      type="button"
      role="menuitem"
      tabIndex={-1}
      class={danger ? 'danger' : undefined}
      onClick={onPick}
    >
      {children}
    </button>
  );
}
