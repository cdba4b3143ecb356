#include "vecferry/base/error.h"

#include <gtest/gtest.h>

namespace vecferry {
namespace {

TEST(Error, KeepsWhatWasSaid) {
  const Status status = fail({.kind = ErrorKind::kIncompatible,
                              .what = "expected dim 768, got 384",
                              .where = "collection 'shop'",
                              .next = "compare both sides",
                              .retryable = true});
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.message(), "expected dim 768, got 384");
  const Failure failure = failure_of(status);
  EXPECT_EQ(failure.kind, ErrorKind::kIncompatible);
  EXPECT_EQ(failure.where, "collection 'shop'");
  EXPECT_EQ(failure.next, "compare both sides");
  EXPECT_TRUE(failure.retryable);
}

TEST(Error, WidenPutsThePlaceInFront) {
  const Status inner = fail({.kind = ErrorKind::kIo, .what = "no space", .where = "row 7"});
  const Status outer = widen(widen(inner, "batch 2"), "range 1");
  EXPECT_EQ(failure_of(outer).where, "range 1, batch 2, row 7");
  EXPECT_EQ(kind_of(outer), ErrorKind::kIo);
  EXPECT_TRUE(widen(Status::OK(), "anywhere").ok());
}

TEST(Error, ClassifyLeavesOurOwnKindAlone) {
  const Status ours = fail({.kind = ErrorKind::kRefused, .what = "no"});
  EXPECT_EQ(kind_of(classify(ours, ErrorKind::kIo, "file 'x'")), ErrorKind::kRefused);
  const Status theirs = Status::IOError("Couldn't deserialize thrift");
  const Failure failure =
      failure_of(classify(theirs, ErrorKind::kCorrupt, "file 'x'", "get it again"));
  EXPECT_EQ(failure.kind, ErrorKind::kCorrupt);
  EXPECT_EQ(failure.where, "file 'x'");
  EXPECT_EQ(failure.next, "get it again");
  EXPECT_EQ(kind_of(classify(Status::Cancelled("stop"), ErrorKind::kIo, "")),
            ErrorKind::kCancelled);
}

TEST(Error, EveryKindHasItsWord) {
  EXPECT_EQ(to_string(ErrorKind::kUsage), "usage");
  EXPECT_EQ(to_string(ErrorKind::kInternal), "internal");
  EXPECT_EQ(kind_of(Status::KeyError("x")), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(Status::OutOfMemory("x")), ErrorKind::kIo);
  EXPECT_EQ(kind_of(Status::UnknownError("x")), ErrorKind::kInternal);
}

TEST(Error, PollHearsTheStop) {
  arrow::StopSource source;
  EXPECT_TRUE(poll(source.token()).ok());
  source.RequestStop();
  EXPECT_EQ(kind_of(poll(source.token())), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace vecferry
