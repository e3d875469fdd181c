/** The head of a page: where one is, and what can be done here. */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { t } from '../i18n';
import { Icon } from './icons';
import { Logo } from './Logo';

interface Props {
  title: string;
  subtitle?: string | undefined;
  hasBack?: boolean;
  /** On phones, where no column beside the page does it, the first page carries the sign. */
  isHome?: boolean;
  children?: ComponentChildren;
}

export function PageHead({ title, subtitle, hasBack, isHome, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`;
  }, [title]);
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
          <bdi>{title}</bdi>
        </h1>
        {subtitle !== undefined && <p>{subtitle}</p>}
      </div>
      {children}
    </header>
  );
}
