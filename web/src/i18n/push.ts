/** Texts of the notifications that are shown while no page is open: all that their worker carries of the catalogue. */
export const push = {
  message: 'Message from {name}',
  messages: { one: '{count} message from {name}', other: '{count} messages from {name}' },
  call: '{name} is calling',
  request: '{name} would like to add you',
  mention: '{name} mentioned you',
  reply: '{name} answered you',
  follow: '{name} follows you now',
  news: 'Something new for you',
} as const;
