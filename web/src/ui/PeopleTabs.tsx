/** The places that have to do with people, side by side. */
import { t } from '../i18n';
import { paths } from '../model/route';
import { RequestBadge } from './RequestList';
import { A } from './router';

export function PeopleTabs() {
  const tabs: [string, string][] = [
    [paths.people, t('people.discover')],
    [paths.communities, t('community.title')],
    [paths.contacts, t('people.contacts')],
    [paths.requests, t('people.requests')],
    [paths.invitations, t('people.invite')],
  ];
  return (
    <nav class="tabs people-tabs" aria-label={t('people.tabs')}>
      {tabs.map(([to, text]) => (
        <A key={to} to={to}>
          {text}
          {to === paths.requests && <RequestBadge />}
        </A>
      ))}
    </nav>
  );
}
