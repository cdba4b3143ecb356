#include "vecferry/cli/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/temp_dir.h"
#include "vecferry/base/durable_file.h"

namespace vecferry::testing {
namespace {

class EnvironmentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"QDRANT_URL", "QDRANT_API_KEY", "SHOP_KEY"}) {
      unsetenv(name);
    }
  }
  void TearDown() override { SetUp(); }

  static Result<std::vector<Environment>> parse(const std::string& toml) {
    ARROW_ASSIGN_OR_RAISE(auto configuration, parse_configuration(toml, "x.toml"));
    return std::move(configuration.environments);
  }
};

TEST_F(EnvironmentTest, ATableSaysHowAServerIsReached) {
  TempDir dir;
  ASSERT_TRUE(write_durably(dir.file("key"), "fr0m-file\n").ok());
  const auto environments = parse(R"(
[env.prod]
url = "https://db:6333"
grpc_port = 7000
api_key_file = ")" + dir.file("key") +
                                  R"("
ca_file = "ca.pem"
transport = "grpc"
proxy = "http://proxy:3128"
nodes = ["http://a:6333", "http://b:6333"]
max_points_per_second = 500
write_ordering = "strong"
[env.prod.headers]
X-Team = "search"
)")
                                .ValueOrDie();
  ASSERT_EQ(environments.size(), 1U);
  EXPECT_EQ(environments[0].name, "prod");
  const auto options = qdrant_options("https://db:6333", environments.data(), {}).ValueOrDie();
  EXPECT_EQ(options.api_key, "fr0m-file");
  EXPECT_EQ(options.grpc_url, "db:7000");
  EXPECT_EQ(options.ca_file, "ca.pem");
  EXPECT_EQ(options.transport, Transport::kGrpc);
  EXPECT_EQ(options.proxy, "http://proxy:3128");
  EXPECT_EQ(options.nodes.size(), 2U);
  EXPECT_EQ(options.max_points_per_second, 500);
  EXPECT_EQ(options.write_ordering, WriteOrdering::kStrong);
  EXPECT_EQ(options.headers.front(), std::make_pair(std::string("X-Team"), std::string("search")));
  // The command line wins.
  const NetworkOptions network{.transport = "rest", .max_points_per_second = 9, .lanes = 3};
  const auto changed = qdrant_options("https://db:6333", environments.data(), network).ValueOrDie();
  EXPECT_EQ(changed.transport, Transport::kRest);
  EXPECT_EQ(changed.max_points_per_second, 9);
  EXPECT_EQ(changed.lanes, 3);
}

TEST_F(EnvironmentTest, MistakesAreSaid) {
  for (const char* text :
       {"[env.a]\ntransport = 'rest'", "[env.a]\nurl = 'http://x'\napi_key = 'k'",
        "env = { a = 'http://x' }", "[env.a"}) {
    EXPECT_EQ(kind_of(parse(text).status()), ErrorKind::kUsage) << text;
  }
  const auto status = parse("[env.a]\nurl = 'http://x'\napi_key_evn = 'K'").status();
  EXPECT_NE(failure_of(status).what.find("did you mean 'api_key_env'"), std::string::npos)
      << failure_of(status).what;
  EXPECT_EQ(kind_of(qdrant_options("http://x", nullptr, {.transport = "pigeon"}).status()),
            ErrorKind::kUsage);
  const auto odd = parse("[env.a]\nurl = 'http://x'\nwrite_ordering = 'first'").ValueOrDie();
  const auto ordering = qdrant_options("http://x", odd.data(), {}).status();
  EXPECT_EQ(kind_of(ordering), ErrorKind::kUsage);
  EXPECT_EQ(failure_of(ordering).where, "[env.a]");
}

TEST_F(EnvironmentTest, AKeyIsNotShownToStrangers) {
  setenv("QDRANT_API_KEY", "s3cret", 1);
  EXPECT_EQ(qdrant_options("http://any", nullptr, {}).ValueOrDie().api_key, "s3cret");
  setenv("QDRANT_URL", "http://db:6333", 1);
  EXPECT_EQ(qdrant_options("http://db:6333", nullptr, {}).ValueOrDie().api_key, "s3cret");
  EXPECT_EQ(qdrant_options("http://other:6333", nullptr, {}).ValueOrDie().api_key, "");
  setenv("QDRANT_URL", "http://[fd00::1]:6333", 1);
  EXPECT_EQ(qdrant_options("http://[fd00::1]:6333", nullptr, {}).ValueOrDie().api_key, "s3cret");
  EXPECT_EQ(qdrant_options("http://[fd00::2]:6333", nullptr, {}).ValueOrDie().api_key, "");

  const auto environments =
      parse("[env.shop]\nurl = 'http://db:6333'\napi_key_env = 'SHOP_KEY'").ValueOrDie();
  EXPECT_EQ(kind_of(qdrant_options("http://db:6333", environments.data(), {}).status()),
            ErrorKind::kUsage);
  setenv("SHOP_KEY", "0ther", 1);
  EXPECT_EQ(qdrant_options("http://db:6333", environments.data(), {}).ValueOrDie().api_key,
            "0ther");
}

}  // namespace
}  // namespace vecferry::testing
