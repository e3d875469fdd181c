/** The timelines that belong to nobody: the public one, and those of hash tags. */
import { t } from '../../i18n';
import { publicSource, tagSource } from '../../model/sources';
import { FeedView } from '../FeedView';
import { useClient, useFeed } from '../hooks';
import { Icon } from '../icons';
import { PageHead } from '../PageHead';

export function PublicStream() {
  const { domain, pubsub } = useClient().site;
  const [feed, state] = useFeed(publicSource(pubsub));
  return (
    <>
      <PageHead title={t('public.title')} subtitle={t('public.subtitle', { domain })} />
      <FeedView feed={feed} state={state} empty={<p class="empty">{t('public.empty')}</p>} />
    </>
  );
}

export function TagStream({ tag }: { tag: string }) {
  const [feed, state] = useFeed(tagSource(useClient().site.pubsub, tag));
  return (
    <>
      <PageHead title={t('tag.title', { tag })} hasBack>
        <a
          class="quiet icon-button"
          href={`/tag/${encodeURIComponent(tag)}`}
          title={t('tag.publicPage')}
          aria-label={t('tag.publicPage')}
        >
          <Icon name="open" />
        </a>
      </PageHead>
      <FeedView feed={feed} state={state} empty={<p class="empty">{t('tag.empty', { tag })}</p>} />
    </>
  );
}
