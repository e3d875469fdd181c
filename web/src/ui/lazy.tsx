/** Parts of the client that are fetched when they are first needed. */
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n';

/** A component that fetches the real one; until then, or where that fails, it says so. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [Part, setPart] = useState<ComponentType<P> | undefined>(() => loaded);
    const [hasFailed, setFailed] = useState(false);
    useEffect(() => {
      if (Part) return;
      load().then(
        (part) => {
          loaded = part;
          setPart(() => part);
        },
        () => setFailed(true),
      );
    }, [Part]);
    if (Part) return <Part {...props} />;
    if (!hasFailed) return <p class="visually-hidden">{t('app.loading')}</p>;
    // After an update of the server the old parts are gone; the page itself has to be fetched again.
    return (
      <div class="empty" role="alert">
        <p>{t('lazy.failed')}</p>
        <button type="button" onClick={() => location.reload()}>
          {t('lazy.reload')}
        </button>
      </div>
    );
  };
}
