-- An address is suppressed only where the words of the reply speak of it. Entries whose words speak of
-- relaying, a sign-in, the sender, a policy, a block, a limit or a full mailbox are taken off. One that
-- was right is listed again by the next message.

DELETE FROM suppression
WHERE lower(reply) LIKE '%relay%'
   OR lower(reply) LIKE '%authenti%'
   OR lower(reply) LIKE '%sender%'
   OR lower(reply) LIKE '%polic%'
   OR lower(reply) LIKE '%prohibit%'
   OR lower(reply) LIKE '%block%'
   OR lower(reply) LIKE '%blacklist%'
   OR lower(reply) LIKE '%reputation%'
   OR lower(reply) LIKE '%spam%'
   OR lower(reply) LIKE '%too many%'
   OR lower(reply) LIKE '%limit%'
   OR lower(reply) LIKE '%quota%'
   OR lower(reply) LIKE '%full%'
   OR lower(reply) LIKE '%pleine%'
   OR lower(reply) LIKE '%disabled%'
   OR lower(reply) LIKE '%invalid recipient%'
   OR EXISTS (
       SELECT 1 FROM message
       WHERE message.id = suppression.message_id
         AND lower(suppression.reply) LIKE '%' || lower(message.sender) || '%'
   );
