/** The frame around signing in and signing up. */
import type { ComponentChildren } from 'preact';
import { t } from '../i18n';
import { paths } from '../model/route';
import { Logo } from './Logo';
import { A } from './router';

export function AuthFrame({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="auth">
      <A to={paths.home} class="wordmark">
        <Logo size={40} />
        {t('app.name')}
      </A>
      <main id="content" class="card">
        <h1>{title}</h1>
        {children}
      </main>
    </div>
  );
}
