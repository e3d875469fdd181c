/** The head of a page: where one is, and what can be done here. */
import type { ComponentChildren } from 'preact';
import { t } from '../i18n';
import { Icon } from './icons';
import { Logo } from './Logo';
import { useTitle } from './title';

interface Props {
  title: string;
  /** What stands on the page itself, where that is shorter than the window's title. */
  heading?: string;
  subtitle?: string | undefined;
  hasBack?: boolean;
  /** On phones, where no column beside the page does it, the first page carries the sign. */
  isHome?: boolean;
  children?: ComponentChildren;
}

export function PageHead({ title, heading, subtitle, hasBack, isHome, children }: Props) {
  useTitle(title);
  return (
    <header class="page-head">
      {hasBack && (
        <button
          type="button"
          class="quiet icon-button"
          aria-label={t('nav.back')}
          onClick={() => history.back()}
        >
          <Icon name="back" />
        </button>
      )}
      {isHome && <Logo size={30} />}
      <div class="page-title">
        <h1>
          <bdi>{heading ?? title}</bdi>
        </h1>
        {subtitle !== undefined && <p>{subtitle}</p>}
      </div>
      {children}
    </header>
  );
}
