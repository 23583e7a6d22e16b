#include "notify/receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::notify {
namespace {

TEST(Receivers, AreReadByTheirUrls) {
  EXPECT_EQ(parse_receiver("https://example.org/hook")->way, Way::kWebhook);
  EXPECT_EQ(parse_receiver("http://127.0.0.1:8080")->way, Way::kWebhook);
  EXPECT_EQ(parse_receiver("mailto:root")->address, "root");
  EXPECT_EQ(parse_receiver("mailto:ops+net@example.org")->address, "ops+net@example.org");
  EXPECT_EQ(parse_receiver("exec:/usr/local/bin/tell")->program, "/usr/local/bin/tell");
}

TEST(Receivers, ThatCannotBeToldAreRefusedWithWhatToWrite) {
  for (const char* url :
       {"", "ftp://x", "file:///etc/passwd", "https://", "http:///x", "http://a b",
        "mailto:", "mailto:a@b,c@d", "mailto:a@b?cc=c", "mailto:-oQ/tmp", "mailto:a@b@c",
        "mailto:a\nBcc:b", "exec:", "exec:tell", "exec:./tell", "HTTP://x", "gopher://x"}) {
    const auto receiver = parse_receiver(url);
    ASSERT_FALSE(receiver) << url;
    EXPECT_EQ(receiver.error().code, ErrorCode::kInvalidInput);
    EXPECT_THAT(receiver.error().message, testing::HasSubstr("exec:/PROGRAM"));
  }
}

TEST(Receivers, ThatAreRefusedAreShownWithoutSecretsToo) {
  for (const char* url : {"https://user:secret@host/secret a", "https:///secret",
                          "HTTPS://h/secret", "https:\\\\h\\secret", "wss://user:secret@h"}) {
    EXPECT_THAT(parse_receiver(url).error().message, testing::Not(testing::HasSubstr("secret")));
  }
  EXPECT_THAT(parse_receiver("mailto:a@b,c@d").error().message, testing::HasSubstr("a@b,c@d"));
}

TEST(Receivers, AreShownWithoutWhatMayBeASecret) {
  EXPECT_EQ(shown(*parse_receiver("https://user:word@example.org:8/T0/B0/token?x=y")),
            "https://example.org:8");
  EXPECT_EQ(shown(*parse_receiver("mailto:root")), "mailto:root");
}

}  // namespace
}  // namespace bulkhead::notify
