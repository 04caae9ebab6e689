// A stand-in for libcublas: the matrix products that the program asks for, on the CPU.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

const int TF32 = 3, F16 = 2, F32 = 0, SUM_IN_F32 = 68;

// The nearest number with 10 bits after the point, the even one of two.
float tf32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits >> 23 & 0xff) != 0xff) bits = (bits + 0xfff + (bits >> 13 & 1)) & ~0x1fffu;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

// A copy of a column-major matrix, each number as `convert` has it.
template <class T, class C> std::vector<float> converted(const T *matrix, int rows, int columns, int ld, C convert) {
    std::vector<float> copy((size_t)ld * columns);
    for (int column = 0; column < columns; column++)
        for (int row = 0; row < rows; row++) {
            const size_t at = row + (size_t)column * ld;
            copy[at] = convert(matrix[at]);
        }
    return copy;
}

struct Handle { int math; bool of_all; };

// c = alpha op(a) op(b) + beta c, all in column-major order, op(a): m x k.
void multiply(
    bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta,
    float *c, int ldc
) {
    const size_t row_a = transpose_a ? lda : 1, column_a = transpose_a ? 1 : lda;
    const size_t row_b = transpose_b ? ldb : 1, column_b = transpose_b ? 1 : ldb;
    for (int j = 0; j < n; j++) {
        float *column = c + (size_t)j * ldc;
        // Where beta is 0, what lies in c does not count, not even NaN.
        for (int i = 0; i < m; i++) column[i] = beta == 0 ? 0 : beta * column[i];
        if (row_a == 1) {
            for (int p = 0; p < k; p++) {
                const float factor = alpha * b[p * row_b + j * column_b];
                for (int i = 0; i < m; i++) column[i] += factor * a[i + p * column_a];
            }
        } else {
            for (int i = 0; i < m; i++) {
                float sum = 0;
                for (int p = 0; p < k; p++) sum += a[i * row_a + p] * b[p * row_b + j * column_b];
                column[i] += alpha * sum;
            }
        }
    }
}

}  // namespace

extern "C" {

bool standin_product(bool of_all, const void *a, const void *b, const void *c);

int cublasCreate_v2(void **handle) { *handle = new Handle{0, true}; return 0; }
int cublasDestroy_v2(void *handle) { delete (Handle *)handle; return 0; }
// Where alpha and beta lie makes no difference here.
int cublasSetPointerMode_v2(void *, int) { return 0; }
int cublasSetMathMode(void *handle, int math) { ((Handle *)handle)->math = math; return 0; }
// Null is the stream of all, whatever the driver's functions take it for.
int cublasSetStream_v2(void *handle, void *stream) { ((Handle *)handle)->of_all = !stream; return 0; }

int cublasSgemm_v2(
    void *handle, int transpose_a, int transpose_b, int m, int n, int k, const float *alpha, const float *a, int lda, const float *b,
    int ldb, const float *beta, float *c, int ldc
) {
    if (!standin_product(((Handle *)handle)->of_all, a, b, c)) return 0;
    std::vector<float> rounded_a, rounded_b;
    if (((Handle *)handle)->math == TF32) {
        rounded_a = converted(a, transpose_a ? k : m, transpose_a ? m : k, lda, tf32);
        rounded_b = converted(b, transpose_b ? n : k, transpose_b ? k : n, ldb, tf32);
        a = rounded_a.data(), b = rounded_b.data();
    }
    multiply(transpose_a, transpose_b, m, n, k, *alpha, a, lda, b, ldb, *beta, c, ldc);
    return 0;
}

// Factors in f16, sums in f32, and the product in either.
int cublasGemmEx(
    void *handle, int transpose_a, int transpose_b, int m, int n, int k, const void *alpha, const void *a, int type_a, int lda,
    const void *b, int type_b, int ldb, const void *beta, void *c, int type_c, int ldc, int sum, int
) {
    if (type_a != F16 || type_b != F16 || (type_c != F32 && type_c != F16) || sum != SUM_IN_F32) return 15;
    if (!standin_product(((Handle *)handle)->of_all, a, b, c)) return 0;
    auto exact = [](_Float16 value) { return (float)value; };
    const auto left = converted((const _Float16 *)a, transpose_a ? k : m, transpose_a ? m : k, lda, exact);
    const auto right = converted((const _Float16 *)b, transpose_b ? n : k, transpose_b ? k : n, ldb, exact);
    _Float16 *halves = type_c == F16 ? (_Float16 *)c : nullptr;
    auto sums = halves ? converted(halves, m, n, ldc, exact) : std::vector<float>();
    multiply(
        transpose_a, transpose_b, m, n, k, *(const float *)alpha, left.data(), lda, right.data(), ldb, *(const float *)beta,
        halves ? sums.data() : (float *)c, ldc
    );
    for (size_t at = 0; at < sums.size(); at++) halves[at] = (_Float16)sums[at];
    return 0;
}

}
