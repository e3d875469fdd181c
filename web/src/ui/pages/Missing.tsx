/** An address that leads nowhere. */
import { t } from '../../i18n';
import { paths } from '../../model/route';
import { PageHead } from '../PageHead';
import { A } from '../router';

export function Missing() {
  return (
    <>
      <PageHead title={t('missing.title')} />
      <div class="empty">
        <p>{t('missing.text')}</p>
        <A to={paths.home} class="button">
          {t('missing.home')}
        </A>
      </div>
    </>
  );
}
