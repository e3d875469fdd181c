/** What a visitor sees first. */
import { t } from '../../i18n';
import { paths } from '../../model/route';
import { Circle } from '../Circle';
import { useClient } from '../hooks';
import { Logo } from '../Logo';
import { A } from '../router';

export function Landing() {
  const { domain, registration } = useClient().site;
  return (
    <div class="landing">
      <header class="landing-head">
        <span class="wordmark">
          <Logo size={34} />
          {t('app.name')}
        </span>
        <A to={paths.signIn} class="button quiet">
          {t('landing.signIn')}
        </A>
      </header>
      <main id="content" class="landing-main">
        <div class="landing-text">
          <h1>{t('landing.title')}</h1>
          <p class="lead">{t('landing.text', { domain })}</p>
          <div class="landing-actions">
            {registration === 'closed' ? (
              <A to={paths.signIn} class="button primary">
                {t('landing.signIn')}
              </A>
            ) : (
              <A to={paths.signUp} class="button primary">
                {t('landing.signUp')}
              </A>
            )}
            <a href="/public" class="button quiet">
              {t('landing.look')}
            </a>
          </div>
          <ul class="landing-points">
            <li>{t('landing.point.live')}</li>
            <li>{t('landing.point.yours', { domain })}</li>
            <li>{t('landing.point.open')}</li>
          </ul>
        </div>
        <Circle />
      </main>
    </div>
  );
}
